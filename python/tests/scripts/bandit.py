"""An agent on a two-armed bandit, which logs only to a SummaryWriter."""

import argparse
import os
import random
import time

from event_writer import SummaryWriter


def flag(text):
    return text.lower() in ("1", "true", "yes")


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exp-name", default=os.path.basename(__file__)[: -len(".py")])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--track", type=flag, default=True, nargs="?", const=True)
    parser.add_argument("--wandb-project-name", default="arms")
    parser.add_argument("--wandb-entity", default=None)
    parser.add_argument("--capture-video", type=flag, default=False, nargs="?", const=True)
    parser.add_argument("--total-timesteps", type=int, default=400)
    parser.add_argument("--epsilon", type=float, default=0.1)
    return parser.parse_args()


if __name__ == "__main__":
    args = parse_args()
    run_name = f"Arms-v0__{args.exp_name}__{args.seed}__{int(time.time())}"
    if args.track:
        import wandb

        wandb.init(
            project=args.wandb_project_name,
            entity=args.wandb_entity,
            sync_tensorboard=True,
            config=vars(args),
            name=run_name,
            monitor_gym=True,
            save_code=True,
        )
    writer = SummaryWriter(f"runs/{run_name}")
    writer.add_text(
        "hyperparameters", "|param|value|\n|-|-|\n" + "\n".join(f"|{k}|{v}|" for k, v in vars(args).items())
    )

    rng = random.Random(args.seed)
    q, n, total = [0.0, 0.0], [0, 0], 0.0
    for global_step in range(args.total_timesteps):
        arm = rng.randrange(2) if rng.random() < args.epsilon else q.index(max(q))
        reward = float(rng.random() < (0.3, 0.7)[arm])
        n[arm] += 1
        q[arm] += (reward - q[arm]) / n[arm]
        total += reward
        if global_step % 20 == 19:
            writer.add_scalar("charts/episodic_return", total, global_step)
            writer.add_scalar("losses/td_error", abs(reward - q[arm]), global_step)
            total = 0.0
    writer.close()
