"""DisabledRun: a run that records nothing, for mode="disabled" and for the ranks above 0 of a training.

It has every method of Run, makes no files and calls no program.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._config import Config
from ._summary import Part

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class _Values(Part):
    """A summary that is kept only in memory."""

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def dict(self) -> dict[str, Any]:
        return dict(self)

    _as_dict = dict


class Nothing:
    """The result of a call on a disabled run: it accepts any further call."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Any:
        return iter(())


class DisabledRun:
    """A run with every method of Run that records nothing."""

    disabled = True
    resumed = False
    offline = True
    mode = "disabled"
    url = project_url = sweep_id = sweep_url = None
    start_time = 0.0
    run_id = ""
    path = ""
    _folder = ""
    _experiment = ""
    _step = 0
    _state = ""

    def __init__(
        self,
        name: str = "",
        id: str = "",
        project: str = "",
        entity: str = "",
        group: str = "",
        job_type: str = "",
        notes: str = "",
        tags: Any = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name or "disabled"
        self.id = id or "disabled"
        self.project, self.entity, self.group, self.job_type, self.notes = project, entity, group, job_type, notes
        self.tags = tuple(tags or ())
        self._config = Config(None, True)
        self._config.update(config or {})
        self.summary = _Values()
        self._at_finish: list[Any] = []
        self._made = ""

    def log(self, data: Any, step: Any = None, commit: Any = None, sync: Any = None, labels: Any = None) -> None:
        """Do nothing."""

    def _log_at(self, step: int, numbers: dict[str, float]) -> None:
        """Do nothing."""

    def _write(self, record: dict[str, Any]) -> None:
        """Do nothing."""

    @property
    def config(self) -> Config:
        """The config, kept in memory."""
        return self._config

    @config.setter
    def config(self, config: Any) -> None:
        self._config.update(config, allow_val_change=True)

    @property
    def step(self) -> int:
        """Always 0."""
        return 0

    @property
    def dir(self) -> str:
        """A temporary folder, so that a program can write files there."""
        if not self._made:
            import tempfile

            self._made = tempfile.mkdtemp(prefix="gitruns-disabled-")
        return self._made

    @property
    def settings(self) -> Any:
        """The settings that init was given."""
        return getattr(self, "_settings", None)

    def finish(self, exit_code: Any = None, quiet: Any = None) -> None:
        """Finish the run."""
        from ._end import release

        release(self)

    join = finish

    def _repr_html_(self) -> str:
        return "<p>This run is disabled: it records nothing.</p>"

    def __enter__(self) -> DisabledRun:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.finish()

    def __getattr__(self, name: str) -> Any:
        from ._run import Run

        if name.startswith("__") or not hasattr(Run, name):
            from ._refused import of

            return of(Run, "run", name)
        return Nothing()

    def __repr__(self) -> str:
        return "<gitruns.Run, disabled>"
