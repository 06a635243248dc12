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
    "Api": _API, "PublicApi": _API, "InternalApi": _API, "restore": "gitruns.load(selector).artifact(path).download()",
    "link_artifact": _SHARE, "link_model": _SHARE, "launch": "'runs exec' and 'runs reproduce' run programs", "launch_add": "'runs exec' and 'runs reproduce' run programs",
    "Object3D": _FILE, "Molecule": _FILE, "Bokeh": _FILE, "Classes": "run.config keeps names of classes",
    "JoinedTable": "log two Tables and join them where they are read", "PartitionedTable": "log one Table", "Graph": _FILE,
    "sync": "there is nothing to sync: 'runs push' shares runs", "set_trace": "breakpoint()", "mark_failure": "finish(exit_code=1)",
    "log_output": "'runs exec' keeps what a program prints", "box3d": _FILE, "EvalTable": "log a Table", "attach": "call init(mode='shared') in the child process: it joins the run by RUNS_ID",
    "ArtifactTTL": "artifacts stay until 'runs rm', or 'runs artifacts --prune' where a store has them", "pin_config_keys": "'runs ls --columns lr,loss' chooses what a list shows",
    "termsetup": "nothing: there is nothing to set up", "ensure_configured": "nothing: there is nothing to configure", "sagemaker_auth": "nothing: there is no account",
    "wandb_agent": _SWEEP, "helper": "init(config=) with a dict",
}  # fmt: skip

# Modules and values: looking at them says what to use.
_NAMES = {
    "apis": _API, "public": _API, "sklearn": "gitruns.integrations.sklearn", "keras": "gitruns.integrations.keras", "xgboost": "gitruns.integrations.xgboost",
    "lightgbm": "gitruns.integrations.lightgbm", "integration": "gitruns.integrations", "sdk": "the names of gitruns itself; 'runs exec --wandb' serves imports of wandb.sdk",
    "wandb_run": "gitruns.Run", "wandb_sdk": "the names of gitruns itself", "old": "the names of gitruns itself", "cli": "the program 'runs'",
    "docker": "nothing: the environment is recorded", "jupyter": "gitruns.init() in a notebook", "sacred": "gitruns.log", "gym": "run.save('videos/*.mp4')",
    "fastai": "gitruns.log in a callback", "catboost": "gitruns.log in a callback", "spacy": "gitruns.log", "data_types": "gitruns.Image, Table and the like", "beta": "the names of gitruns itself",
    "plots": "gitruns.plot", "visualize": "gitruns.plot_table", "plots_by_key": "gitruns.plot", "dataviz": "gitruns.plot", "patched": "nothing: nothing is patched", "Sweep": _SWEEP, "agents": _SWEEP,
    "api": _API, "analytics": "nothing: nobody is told what is recorded", "profiler": "run.save(path) for the trace", "proto": "the names of gitruns itself",
    "tensorflow": "init(sync_tensorboard=True)", "trigger": "the names of gitruns itself", "wandb_lib": "the names of gitruns itself", "wandb_torch": "run.watch(model)",
}  # fmt: skip


class _Refused:
    """A name that is there for `hasattr` and fails when it is called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(f"gitruns has no wandb.{self._name}; use instead: {_CALLS[self._name]}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UsageError(f"gitruns has no wandb.{self._name}; use instead: {_CALLS[self._name]}")

    def __repr__(self) -> str:
        return f"<gitruns has no {self._name}: use {_CALLS[self._name]}>"


def known(name: str) -> bool:
    """Whether name is a callable of W&B for which there is something else to use."""
    return name in _CALLS


def refused(name: str) -> Any:
    """The object that stands for such a callable: calling it raises UsageError with what to use."""
    return _Refused(name)


def missing(name: str) -> str:
    """The text of the AttributeError for a name that is not there."""
    if name in _NAMES:
        return f"gitruns has no wandb.{name}; use {_NAMES[name]}"
    import difflib
    import sys

    close = difflib.get_close_matches(name, sys.modules[__package__].__all__, 1)
    return f"gitruns has no {name}" + (f"; use {close[0]}" if close else "; 'gitruns.' and Tab lists what there is, the README what stands for calls of W&B")
