"""The tracker for accelerate.

    import gitruns
    from accelerate import Accelerator

    accelerator = Accelerator(log_with="gitruns")
    accelerator.init_trackers("penguins", config={"lr": 0.1})
    accelerator.log({"loss": 0.3}, step=1)
    accelerator.end_training()

`import gitruns` anywhere before the Accelerator is made is enough for the word "gitruns". `log_with=GitrunsTracker("penguins")`
does without it.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

import gitruns


class GitrunsTracker(GeneralTracker):
    """Records what accelerator.log says.

    run_name is the project, as accelerate calls it; further words are those of gitruns.init, and come from
    init_trackers(init_kwargs={"gitruns": {…}}). Where gitruns.init() was called before, that run is recorded to, and
    end_training() leaves it open. Only the main process records.
    """

    name = "gitruns"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, run_name: str | None = None, **kwargs: Any) -> None:
        super().__init__()
        self.run_name = run_name
        self.init_kwargs = kwargs
        self.run: Any = None
        self._began = False
        if not hasattr(GeneralTracker, "start"):  # accelerate before 1.6 begins a tracker when it is made
            self.start()

    @on_main_process
    def start(self) -> None:
        """Begin the run, or take the one that is there. Raises what gitruns.init raises."""
        if self.run is not None:
            return
        self.run = gitruns.run
        self._began = self.run is None
        if self._began:
            self.run = gitruns.init(**{"project": self.run_name, **self.init_kwargs})

    @property
    def tracker(self) -> Any:
        """The Run; None on other processes."""
        return self.run

    @on_main_process
    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Record the config that init_trackers was given as params."""
        self.run.config.update(values, allow_val_change=True)

    @on_main_process
    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Record a row: numbers, text, dicts of them, media. kwargs go to Run.log: commit."""
        self.run.log(values, step=step, **kwargs)

    @on_main_process
    def log_images(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Record lists of images by key: arrays, PIL images. kwargs go to gitruns.Image: caption."""
        for key, images in values.items():
            self.run.log(
                {key: [gitruns.Image(image, **kwargs) for image in images]},
                step=step,
                commit=None if step is not None else False,
            )

    @on_main_process
    def log_table(
        self, table_name: str, columns: list[Any] | None = None, data: list[Any] | None = None, dataframe: Any = None, step: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Record a table: its columns and rows, or a data frame. kwargs go to Run.log."""
        self.run.log({table_name: gitruns.Table(columns=columns, data=data, dataframe=dataframe)}, step=step, **kwargs)

    @on_main_process
    def finish(self) -> None:
        """End the run where the tracker began it."""
        if self._began:
            self.run.finish()


def register() -> None:
    """Make log_with="gitruns" known to accelerate. `import gitruns` sees to it."""
    from accelerate import tracking

    if tracking.LOGGER_TYPE_TO_CLASS.get("gitruns") is GitrunsTracker:
        return
    if hasattr(tracking, "register_tracker_class"):
        tracking.register_tracker_class(GitrunsTracker)
        return
    # Older versions take the names of an enumeration only: the word is taken out, and put in again behind their check.
    tracking.LOGGER_TYPE_TO_CLASS["gitruns"] = GitrunsTracker
    known = tracking.filter_trackers

    def filter_trackers(log_with: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """As accelerate's own, and it knows "gitruns"."""
        words = list(log_with) if isinstance(log_with, (list, tuple)) else [log_with]
        if "gitruns" not in words:
            return list(known(log_with, *args, **kwargs))
        return [*known([w for w in words if w != "gitruns"], *args, **kwargs), "gitruns"]

    tracking.filter_trackers = filter_trackers
    accelerator = sys.modules.get("accelerate.accelerator")
    if getattr(accelerator, "filter_trackers", None) is known:
        accelerator.filter_trackers = filter_trackers  # type: ignore[union-attr]


register()
