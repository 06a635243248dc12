"""A search with Optuna and nothing else: each trial is a run of the group `line-search`.

pip install optuna
python optuna_plain.py
"""

import optuna
from train import fit

import gitruns


def objective(trial):
    lr = trial.suggest_float("lr", 1e-3, 0.5, log=True)
    # A handle of its own, not gitruns.run: trials may run in threads.
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
