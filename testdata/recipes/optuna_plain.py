"""A search with Optuna alone: each trial is a run in the group `line-search`.

pip install optuna
python optuna_plain.py
"""

import optuna
from train import fit

import gitruns


def objective(trial):
    lr = trial.suggest_float("lr", 1e-3, 0.5, log=True)
    # Trials may run in threads, so each has its own run instead of gitruns.run.
    with gitruns.init(
        project="line", config=trial.params, group="line-search", name=f"trial-{trial.number}", reinit="create_new"
    ) as run:
        for step, loss in enumerate(fit(lr, seed=0)):
            run.log({"loss": loss})
            trial.report(loss, step)
    return loss


if __name__ == "__main__":
    study = optuna.create_study(direction="minimize")
    study.optimize(objective, n_trials=8)
    best = gitruns.runs("group = 'line-search'", sort="loss", n=1)[0]
    print(best.name, dict(best.params), study.best_value)
