"""The logger for the Trainer of lightning.pytorch or pytorch_lightning, and for Fabric.

    from gitruns.integrations.lightning import GitrunsLogger

    Trainer(logger=GitrunsLogger(project="penguins"))

Each of the two packages has its own base class. GitrunsLogger derives from the base class of every package that is
imported when GitrunsLogger is first used, or of lightning.pytorch if none is. So every Trainer accepts it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import gitruns
from gitruns import _messages
from gitruns._disabled import Nothing

_NAMESPACES = ("lightning.pytorch", "pytorch_lightning")
_classes: dict[tuple[str, ...], Any] = {}


class _Started:
    """The last run that a logger of this process started, and that logger."""

    run: Any = None
    logger: Any = None


class _Logger:
    """A logger for the Trainer of Lightning. Only rank 0 records.

    If a run is active, the logger records to it and leaves it open. Otherwise it starts a run with the first record.
    That run stays open after fit(), for test() and validate(). It ends when another logger starts a run, when the
    process ends, when a fit() fails, or with `logger.experiment.finish()`. The step of a row is the Trainer's global
    step.

    Args:
        project: The project. The default is that of gitruns.init.
        name: The name of the run.
        version: The id of the run. A later Trainer with the same version resumes the run.
        save_dir: The folder for the Trainer's checkpoints. The default is its default_root_dir.
        prefix: A prefix for all keys.
        log_model: True keeps the best and the last checkpoint as artifacts when fit() ends, "all" keeps each checkpoint
            when it is saved.
        experiment: A Run to record to.
        **init: Further arguments of gitruns.init.

    Raises:
        ValueError: log_model has another value.
    """

    LOGGER_JOIN_CHAR = "-"
    _namespaces: tuple[Any, ...] = ()

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        version: str | None = None,
        save_dir: Any = None,
        prefix: str = "",
        log_model: bool | str = False,
        experiment: Any = None,
        **init: Any,
    ) -> None:
        super().__init__()
        if log_model not in (True, False, "all", None):
            raise ValueError(f"GitrunsLogger: log_model must be True, False or 'all', got {log_model!r}")
        self._project = project
        self._name = name
        self._version = version if version is not None else init.pop("id", None)
        self._save_dir = None if save_dir is None else os.fspath(save_dir)
        self._prefix = prefix
        self._log_model = log_model
        self._init = init
        self._run = experiment
        self._owned = False  # the logger started the run
        self._kept: dict[Any, float] = {}  # modification time by path of the checkpoints that are kept
        self._checkpoints: dict[Any, Any] = {}  # callbacks whose checkpoints to keep when fit() ends
        self._watched: list[Any] = []

    # The run

    @property
    def experiment(self) -> Any:
        """The Run. Reading it starts a run if there is none.

        On a rank above 0 it is an object that ignores every call.
        """
        if _rank() > 0:
            return _Ignored()
        run = self._run
        if run is not None and not getattr(run, "_state", ""):
            return run
        active = gitruns.run
        if active is not None and _Started.run is active and _Started.logger is not self:
            active.finish()  # another logger's run, for example of the previous fold
        elif active is not None:
            self._run, self._owned = active, False
            return active
        arguments: dict[str, Any] = {"project": self._project, "name": self._name, **self._init}
        version = self._version
        if version is None and run is not None and self._owned:
            version = run.id  # the caller or a failed fit() finished it: resume the same run
        if version is not None:
            arguments["id"] = str(version)
            arguments.setdefault("resume", "allow")
            arguments.setdefault("allow_val_change", True)
        self._run, self._owned = gitruns.init(**arguments), True
        _Started.run, _Started.logger = self._run, self
        return self._run

    @property
    def name(self) -> str | None:
        """The project's name. Checkpoints go to save_dir/name/version."""
        return self._project or (self._run.project if self._run is not None else None) or "gitruns"

    @property
    def version(self) -> str | None:
        """The id of the run, or None before it starts if no version was given."""
        return self._run.id if self._run is not None else self._version

    @property
    def save_dir(self) -> str | None:
        """The folder for the Trainer's checkpoints, or None for its default_root_dir."""
        return self._save_dir

    @property
    def root_dir(self) -> str | None:
        """The same as save_dir."""
        return self._save_dir

    @property
    def log_dir(self) -> str | None:
        """The run's dir: files that a callback writes there are kept with the run."""
        return None if _rank() > 0 or getattr(self.experiment, "disabled", False) else self.experiment.dir

    @property
    def group_separator(self) -> str:
        """The separator between the parts of a key."""
        return "/"

    # Called by the Trainer

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Record a row at step, or at the run's current step."""
        if _rank() > 0:
            return
        self.experiment.log(self._keyed(metrics), step=step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Record params from a dict or a Namespace.

        Functions and other objects are recorded as text.
        """
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
            _messages.warn_once("graph", f"the text of the model was not kept: {e}")

    def watch(self, model: Any, log: str | None = "gradients", log_freq: int = 100, log_graph: bool = True) -> None:
        """Record histograms every log_freq backward passes.

        log is "gradients", "parameters" or "all".
        """
        if _rank() > 0:
            return
        self.experiment.watch(model, log=log, log_freq=log_freq)
        self._watched.append(model)
        if log_graph:
            self.log_graph(model)

    def unwatch(self, model: Any = None) -> None:
        """Remove the hooks of watch() from model, or from all models."""
        if _rank() > 0 or self._run is None:
            return
        self._run.unwatch(model)
        self._watched = [m for m in self._watched if model is not None and m is not model]

    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: list[Any]) -> None:
        """Record a list of images.

        kwargs are lists with one item per image, such as caption=[…].
        """
        self._log_media(gitruns.Image, "images", key, images, step, kwargs)

    def log_audio(self, key: str, audios: list[Any], step: int | None = None, **kwargs: list[Any]) -> None:
        """Record a list of sounds.

        kwargs are lists with one item per sound, such as sample_rate=[…].
        """
        self._log_media(gitruns.Audio, "audios", key, audios, step, kwargs)

    def log_video(self, key: str, videos: list[Any], step: int | None = None, **kwargs: list[Any]) -> None:
        """Record a list of videos.

        kwargs are lists with one item per video, such as fps=[…].
        """
        self._log_media(gitruns.Video, "videos", key, videos, step, kwargs)

    def log_table(
        self,
        key: str,
        columns: list[Any] | None = None,
        data: list[Any] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Record a table, from columns and rows or from a data frame."""
        if _rank() > 0:
            return
        self.log_metrics({key: gitruns.Table(columns=columns, data=data, dataframe=dataframe)}, step)

    log_text = log_table

    def use_artifact(self, artifact: str, artifact_type: str | None = None) -> Any:
        """Return an artifact of another run, and record that this run uses it.

        See Run.use_artifact.
        """
        return self.experiment.use_artifact(artifact, type=artifact_type)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Record the best checkpoint, and keep checkpoints according to log_model."""
        if _rank() > 0:
            return
        self._best(checkpoint_callback)
        if self._log_model == "all" or self._log_model is True and getattr(checkpoint_callback, "save_top_k", 1) == -1:
            self._keep(checkpoint_callback)
        elif self._log_model is True:
            # Trainers pass a weak reference.
            self._checkpoints[getattr(checkpoint_callback, "state_key", id(checkpoint_callback))] = checkpoint_callback

    def save(self) -> None:
        """Do nothing: a row is written before log_metrics returns."""

    def finalize(self, status: str) -> None:
        """Keep the checkpoints at the end of fit(), test() or predict().

        A failure finishes the logger's own run.
        """
        if _rank() > 0 or self._run is None or getattr(self._run, "_state", "") != "":
            return
        for checkpoint_callback in list(self._checkpoints.values()):
            try:
                self._keep(checkpoint_callback)
            except ReferenceError:  # the callback no longer exists
                pass
        self._checkpoints.clear()
        if status == "failed" and self._owned:
            error = sys.exc_info()
            if error[0] is not None:
                self._run.__exit__(*error)
            else:
                self._run.finish(exit_code=1)

    # Parts of it

    def _keyed(self, values: Any) -> dict[str, Any]:
        return {self._key(k): v for k, v in values.items()}

    def _key(self, key: str) -> str:
        return f"{self._prefix}{self.LOGGER_JOIN_CHAR}{key}" if self._prefix else key

    def _log_media(self, make: Any, what: str, key: str, items: Any, step: int | None, kwargs: dict[str, Any]) -> None:
        if not isinstance(items, list):
            raise TypeError(f"{what} must be a list, got {type(items).__name__}")
        for name, values in kwargs.items():
            if len(values) != len(items):
                raise ValueError(
                    f"{name} must have one item per {what[:-1]}, got {len(values)} for {len(items)} {what}"
                )
        if _rank() > 0:
            return
        self.log_metrics(
            {key: [make(item, **{k: v[i] for k, v in kwargs.items()}) for i, item in enumerate(items)]}, step
        )

    def _best(self, checkpoint_callback: Any) -> None:
        """Record the best checkpoint in the summary, and the goal of its metric."""
        monitor = getattr(checkpoint_callback, "monitor", None)
        score = getattr(checkpoint_callback, "best_model_score", None)
        path = getattr(checkpoint_callback, "best_model_path", "")
        best: dict[str, Any] = {}
        if path:
            best["checkpoint"] = _within(path)
        if monitor and score is not None:
            best["monitor"], best["score"] = monitor, float(score)
            key = self._key(monitor)
            if (key, checkpoint_callback.mode) not in self._kept:
                self._kept[key, checkpoint_callback.mode] = 0.0
                self.experiment.define_metric(key, goal="maximize" if checkpoint_callback.mode == "max" else "minimize")
        if best:
            self.experiment.summary.update({"best": best})

    def _keep(self, checkpoint_callback: Any) -> None:
        """Keep the checkpoints that exist and are new.

        An error only causes a warning, so that training continues.
        """
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
            for name in ("monitor", "mode", "save_top_k", "save_last", "save_weights_only"):
                metadata[name] = getattr(checkpoint_callback, name, None)
            try:
                artifact = gitruns.Artifact(f"model-{self.experiment.id}", type="model", metadata=metadata)
                if os.path.isdir(path):  # a sharded checkpoint
                    artifact.add_dir(path)
                else:
                    artifact.add_file(path, name="model.ckpt")
                self.experiment.log_artifact(artifact, aliases=["latest", "best"] if path == best else ["latest"])
            except Exception as e:
                _messages.warn_once(
                    ("checkpoint", path),
                    f"the checkpoint {os.path.basename(path)} was not kept: {type(e).__name__}: {e}",
                )
            self._kept[path] = changed

    # Pickling

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for another process, which records to the same run.

        This process finishes it.
        """
        state = dict(self.__dict__)
        state["_checkpoints"], state["_watched"] = {}, []
        if _rank() == 0:
            state["_run"] = self.experiment
        state["_owned"] = False
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __reduce__(self) -> tuple[Any, ...]:
        kind = type(self)
        if kind in _classes.values():
            return (_blank, (kind._namespaces,), self.__getstate__())
        import copyreg

        return (copyreg.__newobj__, (kind,), self.__getstate__())  # type: ignore[attr-defined]


class _Ignored(Nothing):
    """The experiment of a rank that does not record."""

    disabled = True

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _within(path: str) -> str:
    """Return a path relative to the current folder.

    If it is elsewhere, return only the file's name. A record must not contain folders of one machine.
    """
    here = os.path.join(os.getcwd(), "")
    path = os.path.abspath(path)
    return path[len(here) :].replace(os.sep, "/") if path.startswith(here) else os.path.basename(path)


def _rank() -> int:
    """Return the rank of this process in Lightning."""
    from lightning_utilities.core.rank_zero import rank_zero_only

    rank = getattr(rank_zero_only, "rank", None)
    return int(rank or 0)


def logger_class(*namespaces: str) -> Any:
    """Return the GitrunsLogger that derives from the Loggers of these packages.

    namespaces are "lightning.pytorch" and "pytorch_lightning". Raises ImportError if a package is missing.
    """
    made = _classes.get(namespaces)
    if made is None:
        from importlib import import_module

        bases = tuple(import_module(f"{n}.loggers.logger").Logger for n in namespaces)
        names = {"__doc__": _Logger.__doc__, "__module__": __name__, "_namespaces": namespaces}
        made = type("GitrunsLogger", (_Logger, *bases), names)
        _classes[namespaces] = made
    return made


def _blank(namespaces: tuple[Any, ...]) -> Any:
    kind = logger_class(*namespaces)
    return kind.__new__(kind)


def _loaded() -> tuple[Any, ...]:
    """Return the packages whose Trainers must accept GitrunsLogger."""
    loaded = tuple(n for n in _NAMESPACES if n in sys.modules)
    if loaded:
        return loaded
    from importlib.util import find_spec

    for namespace in _NAMESPACES:
        if find_spec(namespace.partition(".")[0]) is not None:
            return (namespace,)
    raise ImportError("GitrunsLogger requires lightning or pytorch_lightning; run 'pip install lightning'")


def __getattr__(name: str) -> Any:
    if name == "GitrunsLogger":
        return logger_class(*_loaded())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if TYPE_CHECKING:
    GitrunsLogger = _Logger
