"""The tracker for Hugging Face accelerate.

    import gitruns
    from accelerate import Accelerator

    accelerator = Accelerator(log_with="gitruns")
    accelerator.init_trackers("penguins", config={"lr": 0.1})
    accelerator.log({"loss": 0.3}, step=1)
    accelerator.end_training()

The name "gitruns" works if `import gitruns` comes anywhere before the Accelerator is made. Instead of the name, you can
give a tracker: `log_with=GitrunsTracker("penguins")`.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

import gitruns


class GitrunsTracker(GeneralTracker):
    """Records what accelerator.log() logs, in the main process.

    If a run is active, the tracker records to it, and end_training() leaves it open.

    Args:
        run_name: The project. The name of the argument is that of accelerate.
        **kwargs: Arguments of gitruns.init, from init_trackers(init_kwargs={"gitruns": {…}}).
    """

    name = "gitruns"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, run_name: str | None = None, **kwargs: Any) -> None:
        super().__init__()
        self.run_name = run_name
        self.init_kwargs = kwargs
        self.run: Any = None
        self._started = False
        if not hasattr(GeneralTracker, "start"):  # accelerate before 1.6 has no separate start
            self.start()

    @on_main_process
    def start(self) -> None:
        """Start a run, or use the active one. Raises the errors of gitruns.init."""
        if self.run is not None:
            return
        self.run = gitruns.run
        self._started = self.run is None
        if self._started:
            self.run = gitruns.init(**{"project": self.run_name, **self.init_kwargs})

    @property
    def tracker(self) -> Any:
        """The Run, or None in other processes than the main one."""
        return self.run

    @on_main_process
    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Record the config of init_trackers as params."""
        self.run.config.update(values, allow_val_change=True)

    @on_main_process
    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Record a row of numbers, text, dicts or media. kwargs go to Run.log."""
        self.run.log(values, step=step, **kwargs)

    @on_main_process
    def log_images(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Record lists of images by key. kwargs go to gitruns.Image."""
        for key, images in values.items():
            self.run.log(
                {key: [gitruns.Image(image, **kwargs) for image in images]},
                step=step,
                commit=None if step is not None else False,
            )

    @on_main_process
    def log_table(
        self,
        table_name: str,
        columns: list[Any] | None = None,
        data: list[Any] | None = None,
        dataframe: Any = None,
        step: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Record a table, from columns and rows or from a data frame.

        kwargs go to Run.log.
        """
        self.run.log({table_name: gitruns.Table(columns=columns, data=data, dataframe=dataframe)}, step=step, **kwargs)

    @on_main_process
    def finish(self) -> None:
        """Finish the run, if the tracker started it."""
        if self._started:
            self.run.finish()


def register() -> None:
    """Register the name "gitruns" in accelerate. `import gitruns` calls this."""
    from accelerate import tracking

    if tracking.LOGGER_TYPE_TO_CLASS.get("gitruns") is GitrunsTracker:
        return
    if hasattr(tracking, "register_tracker_class"):
        tracking.register_tracker_class(GitrunsTracker)
        return
    # Older versions accept only names of an enumeration. The name is removed for their check, and added again after it.
    tracking.LOGGER_TYPE_TO_CLASS["gitruns"] = GitrunsTracker
    known = tracking.filter_trackers

    def filter_trackers(log_with: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Do the same as accelerate's function, but accept "gitruns"."""
        names = list(log_with) if isinstance(log_with, (list, tuple)) else [log_with]
        if "gitruns" not in names:
            return list(known(log_with, *args, **kwargs))
        return [*known([n for n in names if n != "gitruns"], *args, **kwargs), "gitruns"]

    tracking.filter_trackers = filter_trackers
    accelerator = sys.modules.get("accelerate.accelerator")
    if getattr(accelerator, "filter_trackers", None) is known:
        accelerator.filter_trackers = filter_trackers  # type: ignore[union-attr]


register()
