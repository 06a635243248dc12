"""Names of W&B and MLflow that gitruns does not have, and what to use instead of each.

Each value below is a hint that continues "gitruns has no X; use …". A name that programs call stays callable, because
programs look for it with hasattr; the call raises the error.
"""

from __future__ import annotations

from ._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_SWEEP = (
    "a program that starts runs: 'python train.py -m lr=0.1,0.01' with Hydra, a Slurm array, or Optuna with "
    "gitruns.integrations.optuna (testdata/recipes has all three)"
)
_API = "gitruns.runs(expression), gitruns.load(selector) or 'runs ls --json'"
_SHARE = "'runs commit' and 'runs push' to share runs, and 'runs tag RUN baseline' to mark one"
_REGISTER = "'runs model register RUN:NAME MODEL' after the run"
_FILE = "run.save(path) to keep the file, or log an Image, Table or Html"
_PROGRAMS = "'runs exec' or 'runs reproduce'"
_OUTPUT = "'runs exec', which keeps what a program prints"
_OWN_NAMES = "the names of gitruns itself"
_COLUMNS = "'runs ls --columns lr,loss'"
_LIFETIME = "'runs rm', or 'runs artifacts --prune' for files that a store has"

# Callables.
_CALLS = {
    "sweep": _SWEEP,
    "agent": _SWEEP,
    "controller": _SWEEP,
    "wandb_agent": _SWEEP,
    "Api": _API,
    "PublicApi": _API,
    "InternalApi": _API,
    "link_artifact": _REGISTER,
    "link_model": _REGISTER,
    "launch": _PROGRAMS,
    "launch_add": _PROGRAMS,
    "Bokeh": _FILE,
    "Graph": _FILE,
    "box3d": _FILE,
    "Classes": "run.config for the names of classes",
    "JoinedTable": "log() with two Tables, and join them in the reader",
    "PartitionedTable": "log() with one Table",
    "EvalTable": "log() with a Table",
    "sync": "'runs push' to share runs",
    "set_trace": "breakpoint()",
    "mark_failure": "finish(exit_code=1)",
    "log_output": _OUTPUT,
    "attach": "init(mode='shared') in the child process, which joins the run of RUNS_ID",
    "ArtifactTTL": _LIFETIME,
    "pin_config_keys": _COLUMNS,
    "sagemaker_auth": "init(), which needs no account",
    "helper": "init(config=) with a dict",
}

# Modules and values.
_NAMES = {
    "apis": _API,
    "public": _API,
    "keras": "gitruns.integrations.keras",
    "xgboost": "gitruns.integrations.xgboost",
    "lightgbm": "gitruns.integrations.lightgbm",
    "integration": "gitruns.integrations",
    "wandb_sdk": _OWN_NAMES,
    "old": _OWN_NAMES,
    "beta": _OWN_NAMES,
    "proto": _OWN_NAMES,
    "trigger": _OWN_NAMES,
    "wandb_lib": _OWN_NAMES,
    "patched": _OWN_NAMES,
    "cli": "the program 'runs'",
    "docker": "init(), which records the environment",
    "jupyter": "gitruns.init() in a notebook",
    "sacred": "gitruns.log",
    "spacy": "gitruns.log",
    "fastai": "gitruns.log in a callback",
    "catboost": "gitruns.integrations.catboost",
    "gym": "run.save('videos/*.mp4')",
    "plots": "gitruns.plot",
    "plots_by_key": "gitruns.plot",
    "dataviz": "gitruns.plot",
    "visualize": "gitruns.plot_table",
    "Sweep": _SWEEP,
    "agents": _SWEEP,
    "analytics": "gitruns without it: no usage data is collected",
    "profiler": "run.save(path) to keep the trace",
    "tensorflow": "init(sync_tensorboard=True)",
    "wandb_torch": "run.watch(model)",
}

# Names of MLflow.
_MLFLOW = {
    "start_run": "gitruns.init(name=…)",
    "end_run": "gitruns.finish()",
    "active_run": "gitruns.run",
    "last_active_run": "gitruns.load('last')",
    "get_run": "gitruns.load(id)",
    "set_experiment": "gitruns.init(project=…)",
    "search_runs": "gitruns.runs(expression)",
    "log_metric": "gitruns.log({key: value}, step=…)",
    "log_metrics": "gitruns.log(dict, step=…)",
    "log_param": "gitruns.config.update({key: value})",
    "log_params": "gitruns.config.update(dict)",
    "log_text": "gitruns.log({key: text}), or write the file to run.dir",
    "log_dict": "gitruns.log(dict), or write the file to run.dir",
    "log_image": "gitruns.log({key: gitruns.Image(array)})",
    "log_figure": "gitruns.log({key: figure})",
    "log_table": "gitruns.log({key: gitruns.Table(dataframe=frame)})",
    "log_artifacts": "gitruns.save(folder), or gitruns.log_artifact(folder, name=…)",
    "log_input": "gitruns.log_dataset(path)",
    "set_tag": "run.tags += (name,)",
    "set_tags": "run.tags += names",
    "delete_tag": "run.tags, set to the other tags",
    "autolog": "gitruns.integrations",
    "set_tracking_uri": "RUNS_REPO, if runs are not in the project's .runs folder",
    "get_tracking_uri": "run.url",
    "MlflowClient": _API,
}

# Attributes of a run: callables and values.
_RUN_CALLS = {
    "link_artifact": _REGISTER,
    "link_model": _REGISTER,
    "upsert_artifact": "run.log_artifact(artifact)",
    "finish_artifact": "run.log_artifact(artifact)",
    "pin_config_keys": _COLUMNS,
    "write_logs": _OUTPUT,
    "get_sweep_url": _SWEEP,
}
_RUN_VALUES = {"starting_step": "run.step right after init()", "config_static": "run.config"}

# Attributes of an Artifact: callables and values.
_ARTIFACT_CALLS = {
    "delete": "'runs rm RUN' to remove a run and its artifacts, or 'runs artifacts --prune' for files that a store has",
    "unlink": _SHARE,
    "logged_by": "gitruns.load(id) with a run that 'runs artifacts' lists",
    "used_by": "gitruns.runs(): a run that used it has a dataset of role 'artifact' with its digest",
}
_ARTIFACT_VALUES = {
    "state": "is_draft()",
    "ttl": _LIFETIME,
    "commit_hash": "digest",
    "created_at": "the run's started",
    "updated_at": "the run's started",
    "source_entity": "project",
}


class _Refused:
    """A callable that raises UsageError when it is called."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(f"gitruns has no {self._name}; use {self._instead}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UsageError(f"gitruns has no {self._name}; use {self._instead}")

    def __repr__(self) -> str:
        return f"<gitruns has no {self._name}; use {self._instead}>"


def known(name: str) -> bool:
    """Report whether name is a callable of W&B that gitruns does not have."""
    return name in _CALLS


def refused(name: str) -> Any:
    """Return a stand-in for such a callable.

    Calling it raises UsageError, which says what to use.
    """
    return _Refused("wandb." + name, _CALLS[name])


def missing(name: str) -> str:
    """Return the message of the AttributeError for a name that gitruns does not have."""
    if name in _NAMES:
        return f"gitruns has no wandb.{name}; use {_NAMES[name]}"
    if name in _MLFLOW:
        return f"gitruns has no {name}; use {_MLFLOW[name]}"
    import sys

    return f"gitruns has no {name}" + (
        _close(name, sys.modules[__package__].__all__) or "; dir(gitruns) lists the names that it has"
    )


def _close(name: str, names: Any) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, names, 1)
    return f"; use {close[0]}" if close else ""


def of(owner: type, what: str, name: str) -> Any:
    """Return a stand-in for a callable that owner does not have.

    what is "run" or "artifact". Raises AttributeError for any other name, with a hint if one is known.
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
