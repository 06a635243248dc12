"""Names of W&B's public surface that the client does not have: what each one's place is taken by."""

from __future__ import annotations

from typing import Any

from ._errors import UsageError

_SWEEP = "sweeps are run by what starts programs: 'hydra -m', a Slurm array, or Optuna with gitruns.integrations.optuna; scripts for all three are in testdata/recipes"
_READ = "gitruns.load('best=loss') reads a run, gitruns.runs('metrics.loss < 0.5') lists them, 'runs ls --json' does it in a shell"
_SERVER = "there is no server: 'runs push' shares runs with the project's git remote"
_REGISTRY = "there is no registry: an artifact belongs to its run, and use_artifact('name:alias') finds it"
_FILE = "log the data as Table or Image, or keep the file with run.save(path) or log_artifact(path)"
_CHARTS = "use gitruns.plot for curves and matrices, or log the matplotlib figure"

# name -> what to use instead.
REFUSED = {
    "sweep": _SWEEP, "agent": _SWEEP, "controller": _SWEEP, "agents": _SWEEP, "wandb_agent": _SWEEP,
    "Api": _READ, "PublicApi": _READ, "InternalApi": _READ, "api": _READ, "apis": _READ, "public": _READ,
    "launch": _SERVER + "; a scheduler starts programs", "beta": _SERVER, "automations": _SERVER + "; CI runs 'runs check'",
    "link_artifact": _REGISTRY, "link_model": _REGISTRY, "registry": _REGISTRY, "ArtifactTTL": "artifacts stay until 'runs rm' or 'runs artifacts --prune'",
    "sklearn": _CHARTS + "; gitruns.integrations.sklearn records fits", "Object3D": _FILE, "Molecule": _FILE, "box3d": _FILE, "Plotly": "log the plotly figure itself: it is kept as JSON",
    "Classes": "give the masks and boxes to Image as they are: their classes are kept as data", "JoinedTable": "join the tables before they are logged", "EvalTable": "use Table",
    "Graph": _FILE, "restore": "gitruns.load(selector).artifact(path).download() brings a file of another run",
    "attach": "a child process joins the run by RUNS_ID, which init sets: call init() there", "Evals": "use Table",
    "pin_config_keys": "'runs ls --columns lr,loss' chooses what a list shows", "profiler": "keep the trace with run.save(path)",
    "keras": "use gitruns.integrations.keras", "xgboost": "use gitruns.integrations.xgboost", "lightgbm": "use gitruns.integrations.lightgbm",
    "integration": "use gitruns.integrations", "catboost": "log evals_result_ after the fit", "fastai": "log in a callback of yours", "sacred": "log in an observer of yours",
    "gym": "keep videos with run.save('videos/*.mp4')", "jupyter": "notebooks need nothing: import gitruns in a cell",
    "visualize": _CHARTS, "Visualize": _CHARTS, "CustomChart": _CHARTS, "docker": "the environment is recorded at init",
    "sagemaker_auth": _SERVER, "trace_tree": "log the spans as a Table", "sdk": "private modules of W&B have no counterpart", "wandb_sdk": "private modules of W&B have no counterpart",
    "wandb_lib": "private modules of W&B have no counterpart", "proto": "private modules of W&B have no counterpart", "data_types": "use gitruns.Image, Table, Histogram, Video, Audio, Html",
    "ensure_configured": "there is nothing to configure", "termsetup": "there is nothing to set up", "patched": "nothing is patched", "wandb_torch": "use run.watch(model)",
    "helper": "give config= a dict", "analytics": _SERVER, "trigger": "private modules of W&B have no counterpart",
    "tensorflow": "init(sync_tensorboard=True) takes over event files", "set_trace": "use pdb", "weave": _SERVER,
}  # fmt: skip

# Keywords of init.
RESUME = "a recorded run is not rewound or rewritten: start a new one with parent=, or go on with init(id=…, resume='allow')"
OPTIONS = {"resume_from": RESUME, "fork_from": RESUME}


class _Refusal(type):
    """The type of what stands for a refused name: any use of it says what to use instead; isinstance() is False."""

    _text: str

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(cls._text)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(cls._text)

    def __repr__(cls) -> str:
        return f"<not there: {cls._text}>"


def known(name: str) -> bool:
    """Whether name is one of W&B's that the client has an answer for."""
    return name in REFUSED


def text(name: str) -> str:
    """What to use instead of a known name."""
    return f"gitruns has no wandb.{name}: {REFUSED[name]}"


def refused(name: str) -> Any:
    """What gitruns.<name> is: calling it raises UsageError, its attributes AttributeError, both with what to use instead."""
    return _Refusal(name, (), {"_text": text(name)})


def missing(name: str) -> str:
    """The text of the AttributeError for a name that nobody knows, with the nearest one that is there."""
    import sys
    from difflib import get_close_matches

    have = getattr(sys.modules.get(__package__), "__all__", ())
    near = get_close_matches(name, [*have, *REFUSED], n=1, cutoff=0.7)
    if not near:
        return f"gitruns has no wandb.{name}; dir(gitruns) lists what it has"
    if near[0] in REFUSED:
        return f"gitruns has no wandb.{name}, nor wandb.{near[0]}: {REFUSED[near[0]]}"
    return f"gitruns has no wandb.{name}; use gitruns.{near[0]}"
