"""Names of W&B that gitruns does not have, and what to use instead."""

from __future__ import annotations

from ._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_SWEEP = "a sweep needs no server: 'python train.py -m lr=0.1,0.01' with hydra, a Slurm array, or Optuna with gitruns.integrations.optuna (scripts for all three: testdata/recipes)"
_API = "gitruns.runs(expression), gitruns.load(selector) and 'runs ls --json' read what was recorded"
_SHARE = "'runs commit' and 'runs push' share runs, 'runs tag RUN baseline' marks one"
_FILE = "save the file with run.save(path), or log an Image, Table or Html"

# Callables that scripts call: the name is there, and the call says what to use.
_CALLS = {
    "sweep": _SWEEP, "agent": _SWEEP, "controller": _SWEEP,
    "Api": _API, "PublicApi": _API, "InternalApi": _API,
    "link_artifact": _SHARE, "link_model": _SHARE, "launch": "'runs exec' and 'runs reproduce' run programs", "launch_add": "'runs exec' and 'runs reproduce' run programs",
    "Object3D": _FILE, "Molecule": _FILE, "Bokeh": _FILE, "Classes": "run.config keeps names of classes",
    "JoinedTable": "log two Tables and join them where they are read", "PartitionedTable": "log one Table", "Graph": _FILE,
    "sync": "there is nothing to sync: 'runs push' shares runs", "set_trace": "breakpoint()", "mark_failure": "finish(exit_code=1)",
    "log_output": "'runs exec' keeps what a program prints", "box3d": _FILE, "EvalTable": "log a Table", "attach": "call init(mode='shared') in the child process: it joins the run by RUNS_ID",
    "ArtifactTTL": "artifacts stay until 'runs rm', or 'runs artifacts --prune' where a store has them", "pin_config_keys": "'runs ls --columns lr,loss' chooses what a list shows",
    "sagemaker_auth": "nothing: there is no account",
    "wandb_agent": _SWEEP, "helper": "init(config=) with a dict",
}  # fmt: skip

# Modules and values: looking at them says what to use.
_NAMES = {
    "apis": _API, "public": _API, "keras": "gitruns.integrations.keras", "xgboost": "gitruns.integrations.xgboost",
    "lightgbm": "gitruns.integrations.lightgbm", "integration": "gitruns.integrations",
    "wandb_sdk": "the names of gitruns itself", "old": "the names of gitruns itself", "cli": "the program 'runs'",
    "docker": "nothing: the environment is recorded", "jupyter": "gitruns.init() in a notebook", "sacred": "gitruns.log", "gym": "run.save('videos/*.mp4')",
    "fastai": "gitruns.log in a callback", "catboost": "gitruns.log in a callback", "spacy": "gitruns.log", "beta": "the names of gitruns itself",
    "plots": "gitruns.plot", "visualize": "gitruns.plot_table", "plots_by_key": "gitruns.plot", "dataviz": "gitruns.plot", "patched": "nothing: nothing is patched", "Sweep": _SWEEP, "agents": _SWEEP,
    "analytics": "nothing: nobody is told what is recorded", "profiler": "run.save(path) for the trace", "proto": "the names of gitruns itself",
    "tensorflow": "init(sync_tensorboard=True)", "trigger": "the names of gitruns itself", "wandb_lib": "the names of gitruns itself", "wandb_torch": "run.watch(model)",
}  # fmt: skip


# Names of MLflow: looking at them says what to use.
_MLFLOW = {
    "start_run": "gitruns.init(name=…)", "end_run": "gitruns.finish()", "active_run": "gitruns.run", "last_active_run": "gitruns.load('last')", "get_run": "gitruns.load(id)",
    "set_experiment": "gitruns.init(project=…)", "search_runs": "gitruns.runs(expression)", "log_metric": "gitruns.log({key: value}, step=…)", "log_metrics": "gitruns.log(dict, step=…)",
    "log_param": "gitruns.config.update({key: value})", "log_params": "gitruns.config.update(dict)", "log_text": "gitruns.log({key: text}), or write the file into run.dir",
    "log_dict": "gitruns.log(dict), or write the file into run.dir", "log_image": "gitruns.log({key: gitruns.Image(array)})", "log_figure": "gitruns.log({key: figure})",
    "log_table": "gitruns.log({key: gitruns.Table(dataframe=frame)})", "log_artifacts": "gitruns.save(folder), or gitruns.log_artifact(folder, name=…)", "log_input": "gitruns.log_dataset(path)",
    "set_tag": "run.tags += (name,)", "set_tags": "run.tags += names", "delete_tag": "run.tags without it", "autolog": "gitruns.integrations",
    "set_tracking_uri": "nothing: runs lie in the project's .runs folder", "get_tracking_uri": "run.url", "MlflowClient": _API,
}  # fmt: skip

# Of a run and of an Artifact: calls, and behind them values.
_RUN_CALLS = {
    "link_artifact": _SHARE, "link_model": _SHARE, "upsert_artifact": "run.log_artifact(artifact)", "finish_artifact": "run.log_artifact(artifact)",
    "pin_config_keys": _CALLS["pin_config_keys"], "write_logs": "'runs exec' keeps what a program prints", "get_sweep_url": _SWEEP,
}  # fmt: skip
_RUN_VALUES = {"starting_step": "run.step right behind init()", "config_static": "run.config"}
_ARTIFACT_CALLS = {
    "delete": "'runs rm RUN' removes a run with what it logged, 'runs artifacts --prune' frees copies that a store has", "unlink": _SHARE,
    "logged_by": "gitruns.load(id) of the run, which 'runs artifacts RUN' lists it under", "used_by": "gitruns.runs(), whose datasets of role 'artifact' have its digest as sha256",
}  # fmt: skip
_ARTIFACT_VALUES = {
    "state": "is_draft()",
    "ttl": _CALLS["ArtifactTTL"],
    "commit_hash": "digest",
    "created_at": "the run's started",
    "updated_at": "the run's started",
    "source_entity": "project",
}


class _Refused:
    """A name that is there for `hasattr` and fails when it is called."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(f"gitruns has no {self._name}; use instead: {self._instead}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UsageError(f"gitruns has no {self._name}; use instead: {self._instead}")

    def __repr__(self) -> str:
        return f"<gitruns has no {self._name}: use {self._instead}>"


def known(name: str) -> bool:
    """Whether name is a callable of W&B for which there is something else to use."""
    return name in _CALLS


def refused(name: str) -> Any:
    """The object that stands for such a callable: calling it raises UsageError with what to use."""
    return _Refused("wandb." + name, _CALLS[name])


def missing(name: str) -> str:
    """The text of the AttributeError for a name that is not there."""
    if name in _NAMES:
        return f"gitruns has no wandb.{name}; use {_NAMES[name]}"
    if name in _MLFLOW:
        return f"gitruns has no {name}; use {_MLFLOW[name]}"
    import sys

    return f"gitruns has no {name}" + (
        _close(name, sys.modules[__package__].__all__)
        or "; 'gitruns.' and Tab lists what there is, the README what stands for calls of W&B"
    )


def _close(name: str, names: Any) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, names, 1)
    return f"; use {close[0]}" if close else ""


def of(owner: type, what: str, name: str) -> Any:
    """What stands for an attribute that owner, "run" or "artifact", lacks: a callable that is refused when it is called.

    Raises AttributeError for anything else, with what to use where that is known.
    """
    calls, values = (_RUN_CALLS, _RUN_VALUES) if what == "run" else (_ARTIFACT_CALLS, _ARTIFACT_VALUES)
    if name in calls:
        return _Refused(f"{what}.{name}", calls[name])
    if name.startswith("_"):
        raise AttributeError(f"{what} has no {name}")
    if name in values or what == "run" and name in _MLFLOW:
        raise AttributeError(f"gitruns has no {what}.{name}; use {values.get(name) or _MLFLOW[name]}")
    raise AttributeError(
        f"gitruns has no {what}.{name}" + _close(name, [n for n in dir(owner) if not n.startswith("_")])
    )
