"""A search with Optuna and its callback: the study is a run, and each trial is a child run, also if it fails.

pip install optuna
python optuna_callback.py
"""

import optuna
from train import fit

from gitruns.integrations.optuna import GitrunsCallback, trial_run

record = GitrunsCallback("loss", init={"project": "line", "name": "search"})


@record.track_in_gitruns()
def objective(trial):
    lr = trial.suggest_float("lr", 1e-3, 0.5, log=True)
    for step, loss in enumerate(fit(lr, seed=0)):
        trial_run().log({"train": loss})
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


if __name__ == "__main__":
    study = optuna.create_study(
        study_name="line", direction="minimize", pruner=optuna.pruners.MedianPruner(n_startup_trials=3)
    )
    with record:
        study.optimize(objective, n_trials=8, callbacks=[record])
    print(study.best_params)
