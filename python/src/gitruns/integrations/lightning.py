"""The logger for the Trainer of lightning.pytorch and of pytorch_lightning, and for Fabric.

    from gitruns.integrations.lightning import GitrunsLogger

    Trainer(logger=GitrunsLogger(project="penguins"))

The two packages have base classes of their own. GitrunsLogger derives from those of the packages that are loaded when it
is first asked for (lightning.pytorch where none is), so that it is a Logger to whichever Trainer it is given.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import gitruns
from gitruns import _say

_NAMESPACES = ("lightning.pytorch", "pytorch_lightning")
_classes: dict[tuple[str, ...], Any] = {}


class _Begun:
    """The last run that a logger of this process began, and which one."""

    run: Any = None
    logger: Any = None


class _Logger:
    """What a GitrunsLogger does, whatever its base.

    A run begins with the first thing to record, unless gitruns.init() was called before: then that run is recorded to and
    left open. A run that the logger began stays open behind fit(), so that test() and validate() belong to it, and ends
    when another logger begins one, with the process, with a fit() that fails, or with `logger.experiment.finish()`. Metrics are recorded at the Trainer's global step as
    the row's step: the x axis of all curves, without a further key; gitruns.log() without a step joins in there.

    project (default: gitruns' own), name, version (the run's id: a Trainer with the same version goes on with that run),
    and what else gitruns.init takes. save_dir: where the Trainer puts checkpoints; default: its own default_root_dir.
    prefix is put before each key. log_model: True keeps the best and the last checkpoint as artifacts when fit() ends,
    "all" each one when it is saved. experiment: a Run to record to.
    Only rank 0 records. Raises ValueError for an unknown log_model, and what gitruns.init raises when the run begins.
    """

    LOGGER_JOIN_CHAR = "-"
    _namespaces: tuple[Any, ...] = ()

    def __init__(
        self, project: str | None = None, name: str | None = None, version: str | None = None, save_dir: Any = None, prefix: str = "",
        log_model: bool | str = False, experiment: Any = None, **init: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        if log_model not in (True, False, "all", None):
            raise ValueError(f"GitrunsLogger: log_model {log_model!r} is none of True, False, 'all'")
        self._project = project
        self._name = name
        self._version = version if version is not None else init.pop("id", None)
        self._save_dir = None if save_dir is None else os.fspath(save_dir)
        self._prefix = prefix
        self._log_model = log_model
        self._init = init
        self._run = experiment
        self._began = False
        self._kept: dict[Any, float] = {}  # path of a checkpoint kept -> the time of its file
        self._checkpoints: dict[Any, Any] = {}  # callbacks whose checkpoints are kept when fit() ends
        self._watched: list[Any] = []

    # The run

    @property
    def experiment(self) -> Any:
        """The Run, begun where there is none; on ranks above 0 an object that takes any call and does nothing."""
        if _rank() > 0:
            return _Nothing()
        run = self._run
        if run is not None and not getattr(run, "_state", ""):
            return run
        active = gitruns.run
        if active is not None and _Begun.run is active and _Begun.logger is not self:
            active.finish()  # another logger's, as of the fold before this one
        elif active is not None:
            self._run, self._began = active, False
            return active
        words: dict[str, Any] = {"project": self._project, "name": self._name, **self._init}
        version = self._version
        if version is None and run is not None and self._began:
            version = run.id  # ended by the caller or by a fit() that failed: the same run goes on
        if version is not None:
            words["id"] = str(version)
            words.setdefault("resume", "allow")
            words.setdefault("allow_val_change", True)
        self._run, self._began = gitruns.init(**words), True
        _Begun.run, _Begun.logger = self._run, self
        return self._run

    @property
    def name(self) -> str | None:
        """The project: the folder of checkpoints is save_dir/name/version."""
        return self._project or (self._run.project if self._run is not None else None) or "gitruns"

    @property
    def version(self) -> str | None:
        """The run's id, or the one that it is to have; None before the run begins."""
        return self._run.id if self._run is not None else self._version

    @property
    def save_dir(self) -> str | None:
        """Where the Trainer puts checkpoints; None: its own default_root_dir."""
        return self._save_dir

    @property
    def root_dir(self) -> str | None:
        """save_dir."""
        return self._save_dir

    @property
    def log_dir(self) -> str | None:
        """The run's folder of files: what a callback writes there is kept with the run."""
        return None if _rank() > 0 or getattr(self.experiment, "disabled", False) else self.experiment.dir

    @property
    def group_separator(self) -> str:
        """What stands between the parts of a key."""
        return "/"

    # Called by the Trainer

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Record a row at step, the global step; without one at the run's current step."""
        if _rank() > 0:
            return
        self.experiment.log(self._keyed(metrics), step=step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Record params: a dict or a Namespace. Functions and other objects count as their text."""
        if _rank() > 0:
            return
        self.experiment.config.update(params, allow_val_change=True)

    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Keep the text of the model's modules with the run, as model.txt."""
        if _rank() > 0 or self.experiment.disabled:
            return
        try:
            with open(os.path.join(self.experiment.dir, "model.txt"), "w", encoding="utf-8") as out:
                out.write(f"{model}\n")
        except OSError as e:
            _say.once("graph", f"the model's text is not kept: {e}")

    def watch(self, model: Any, log: str | None = "gradients", log_freq: int = 100, log_graph: bool = True) -> None:
        """Record histograms of the gradients, or "parameters", or "all", every log_freq backward passes."""
        if _rank() > 0:
            return
        self.experiment.watch(model, log=log, log_freq=log_freq)
        self._watched.append(model)
        if log_graph:
            self.log_graph(model)

    def unwatch(self, model: Any = None) -> None:
        """Take the hooks of watch() away again: those of model, else all."""
        if _rank() > 0 or self._run is None:
            return
        self._run.unwatch(model)
        self._watched = [m for m in self._watched if model is not None and m is not model]

    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: list[Any]) -> None:
        """Record images: arrays, tensors, PIL images, figures or paths. kwargs are lists with one item an image: caption=[…]."""
        self._log_media(gitruns.Image, "images", key, images, step, kwargs)

    def log_audio(self, key: str, audios: list[Any], step: int | None = None, **kwargs: list[Any]) -> None:
        """Record sounds: arrays or paths. kwargs are lists with one item a sound: sample_rate=[…], caption=[…]."""
        self._log_media(gitruns.Audio, "audios", key, audios, step, kwargs)

    def log_video(self, key: str, videos: list[Any], step: int | None = None, **kwargs: list[Any]) -> None:
        """Record videos: arrays (time, channel, height, width) or paths. kwargs are lists with one item a video: fps=[…]."""
        self._log_media(gitruns.Video, "videos", key, videos, step, kwargs)

    def log_table(
        self,
        key: str,
        columns: list[Any] | None = None,
        data: list[Any] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Record a table: its columns and rows, or a data frame."""
        if _rank() > 0:
            return
        self.log_metrics({key: gitruns.Table(columns=columns, data=data, dataframe=dataframe)}, step)

    def log_text(
        self,
        key: str,
        columns: list[Any] | None = None,
        data: list[Any] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Record text as a table."""
        self.log_table(key, columns, data, dataframe, step)

    def use_artifact(self, artifact: str, artifact_type: str | None = None) -> Any:
        """The artifact that another run of the project made; recorded as what this run used."""
        return self.experiment.use_artifact(artifact, type=artifact_type)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Record which checkpoint is the best, and keep what log_model says."""
        if _rank() > 0:
            return
        self._best(checkpoint_callback)
        if self._log_model == "all" or self._log_model is True and getattr(checkpoint_callback, "save_top_k", 1) == -1:
            self._keep(checkpoint_callback)
        elif self._log_model is True:
            # Trainers hand over a weak proxy.
            self._checkpoints[getattr(checkpoint_callback, "state_key", id(checkpoint_callback))] = checkpoint_callback

    def save(self) -> None:
        """Nothing to do: each row is on disk when log_metrics returns."""

    def finalize(self, status: str) -> None:
        """Called when a fit(), test() or predict() ends. A failure ends a run that the logger began."""
        if _rank() > 0 or self._run is None or getattr(self._run, "_state", "") != "":
            return
        for checkpoint_callback in list(self._checkpoints.values()):
            try:
                self._keep(checkpoint_callback)
            except ReferenceError:  # the callback is gone
                pass
        self._checkpoints.clear()
        if status == "failed" and self._began:
            error = sys.exc_info()
            if error[0] is not None:
                self._run.__exit__(*error)
            else:
                self._run.finish(exit_code=1)

    # Parts of it

    def _keyed(self, values: Any) -> dict[str, Any]:
        return (
            {f"{self._prefix}{self.LOGGER_JOIN_CHAR}{k}": v for k, v in values.items()}
            if self._prefix
            else dict(values)
        )

    def _log_media(self, make: Any, what: str, key: str, items: Any, step: int | None, kwargs: dict[str, Any]) -> None:
        if not isinstance(items, list):
            raise TypeError(f"{what} is a list, not {type(items).__name__}")
        for name, values in kwargs.items():
            if len(values) != len(items):
                raise ValueError(f"{name} has {len(values)} items for {len(items)} {what}")
        if _rank() > 0:
            return
        self.log_metrics(
            {key: [make(item, **{k: v[i] for k, v in kwargs.items()}) for i, item in enumerate(items)]}, step
        )

    def _best(self, checkpoint_callback: Any) -> None:
        """Set which checkpoint is the best in the summary, and the metric's goal."""
        monitor = getattr(checkpoint_callback, "monitor", None)
        score = getattr(checkpoint_callback, "best_model_score", None)
        path = getattr(checkpoint_callback, "best_model_path", "")
        best: dict[str, Any] = {}
        if path:
            best["checkpoint"] = _within(path)
        if monitor and score is not None:
            best["monitor"], best["score"] = monitor, float(score)
            key = f"{self._prefix}{self.LOGGER_JOIN_CHAR}{monitor}" if self._prefix else monitor
            if (key, checkpoint_callback.mode) not in self._kept:
                self._kept[key, checkpoint_callback.mode] = 0.0
                self.experiment.define_metric(key, goal="maximize" if checkpoint_callback.mode == "max" else "minimize")
        if best:
            self.experiment.summary.update({"best": best})

    def _keep(self, checkpoint_callback: Any) -> None:
        """Keep the checkpoints that are there and new. An error is said: training goes on."""
        best = getattr(checkpoint_callback, "best_model_path", "")
        last = getattr(checkpoint_callback, "last_model_path", "")
        scores = {**dict(getattr(checkpoint_callback, "best_k_models", None) or {})}
        for path in (last, best):
            if path:
                scores.setdefault(
                    path, getattr(checkpoint_callback, "best_model_score" if path == best else "current_score", None)
                )
        found = []
        for path, score in scores.items():
            try:
                changed = os.stat(path).st_mtime
            except OSError:
                continue
            if self._kept.get(path) != changed:
                found.append((changed, path, score))
        for changed, path, score in sorted(found, key=lambda f: f[:2]):
            metadata = {"file": os.path.basename(path), "score": None if score is None else float(score)}
            for word in ("monitor", "mode", "save_top_k", "save_last", "save_weights_only"):
                metadata[word] = getattr(checkpoint_callback, word, None)
            try:
                artifact = gitruns.Artifact(f"model-{self.experiment.id}", type="model", metadata=metadata)
                if os.path.isdir(path):  # a sharded checkpoint
                    artifact.add_dir(path)
                else:
                    artifact.add_file(path, name="model.ckpt")
                self.experiment.log_artifact(artifact, aliases=["latest", "best"] if path == best else ["latest"])
            except Exception as e:
                _say.once(
                    ("checkpoint", path),
                    f"the checkpoint {os.path.basename(path)} is not kept: {type(e).__name__}: {e}",
                )
            self._kept[path] = changed

    # To another process

    def __getstate__(self) -> dict[str, Any]:
        """The run goes along: a process that is spawned records to the same one, which this process ends."""
        state = dict(self.__dict__)
        state["_checkpoints"], state["_watched"] = {}, []
        if _rank() == 0:
            state["_run"] = self.experiment
        state["_began"] = False
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __reduce__(self) -> tuple[Any, ...]:
        kind = type(self)
        if kind in _classes.values():
            return (_blank, (kind._namespaces,), self.__getstate__())
        import copyreg

        return (copyreg.__newobj__, (kind,), self.__getstate__())  # type: ignore[attr-defined]


class _Nothing:
    """The experiment of a rank that does not record."""

    disabled = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _within(path: str) -> str:
    """A path as seen from the current folder; the file's name where it lies elsewhere: records name no machine's folders."""
    here = os.path.join(os.getcwd(), "")
    path = os.path.abspath(path)
    return path[len(here) :].replace(os.sep, "/") if path.startswith(here) else os.path.basename(path)


def _rank() -> int:
    """The rank of this process as lightning knows it."""
    from lightning_utilities.core.rank_zero import rank_zero_only

    rank = getattr(rank_zero_only, "rank", None)
    return int(rank or 0)


def logger_class(*namespaces: str) -> Any:
    """The GitrunsLogger whose bases are the Logger classes of the packages named: lightning.pytorch, pytorch_lightning.

    Raises ImportError where a package is missing.
    """
    made = _classes.get(namespaces)
    if made is None:
        from importlib import import_module

        bases = tuple(import_module(f"{n}.loggers.logger").Logger for n in namespaces)
        made = type("GitrunsLogger", (_Logger, *bases), {
            "__doc__": _Logger.__doc__, "__module__": __name__, "_namespaces": namespaces,
        })  # fmt: skip
        _classes[namespaces] = made
    return made


def _blank(namespaces: tuple[Any, ...]) -> Any:
    kind = logger_class(*namespaces)
    return kind.__new__(kind)


def _loaded() -> tuple[Any, ...]:
    """The packages that GitrunsLogger has to serve."""
    loaded = tuple(n for n in _NAMESPACES if n in sys.modules)
    if loaded:
        return loaded
    from importlib.util import find_spec

    for namespace in _NAMESPACES:
        if find_spec(namespace.partition(".")[0]) is not None:
            return (namespace,)
    raise ImportError("GitrunsLogger needs lightning or pytorch_lightning: pip install lightning")


def __getattr__(name: str) -> Any:
    if name == "GitrunsLogger":
        return logger_class(*_loaded())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if TYPE_CHECKING:
    GitrunsLogger = _Logger
