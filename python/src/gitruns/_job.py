"""Whether a second init() belongs to a second job of the same process, which gets a run of its own.

Hydra's basic launcher, a worker of Ray Tune and a loop over configs call one function several times. A library that
calls init() while the caller's run is active does not begin a second job.
"""

from __future__ import annotations

import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class Job:
    """Where init() was called from: thread, caller's frame, job of Hydra."""

    __slots__ = ("_code", "_frame", "_hydra", "_thread")

    def __init__(self, frame: Any) -> None:
        self._thread = get_ident()
        self._frame, self._code = id(frame), frame.f_code  # not the frame itself, which keeps its variables alive
        self._hydra = _hydra_job()

    def over(self, now: Job, frame: Any) -> bool:
        """Report whether this job no longer runs at now, a later call from frame.

        It still runs if the function that called init() is among the callers of the later one's caller, or if it runs
        in another thread.
        """
        if self._hydra or now._hydra:
            return self._hydra != now._hydra
        if self._thread != now._thread:
            return self._thread not in sys._current_frames()
        while frame.f_back is not None:
            frame = frame.f_back
            if id(frame) == self._frame and frame.f_code is self._code:
                return False
        return True


def _hydra_job() -> str:
    """Return what tells the jobs of Hydra apart, or '' outside of one."""
    module = sys.modules.get("hydra.core.hydra_config")
    if module is None:
        return ""
    try:
        hydra = module.HydraConfig.get()
        number = hydra.job.get("num", "")
        return f"{hydra.runtime.output_dir} {number}"
    except Exception:  # not in a job, or another version of Hydra
        return ""


def second(run: Any, now: Job, frame: Any, config: dict[str, Any], id: str, allow: bool) -> str:
    """Return why an init() with this config and id starts a second run.

    Returns '' if it belongs to the active run.
    """
    before: Job | None = run._job
    if before is None or run.disabled or not before.over(now, frame):
        return ""
    if before._hydra and now._hydra:
        return "it is another job of Hydra"
    if id and run._key and id != run._key and id not in (run.run_id, run._short_id):
        return f"its id is {id[:60]!r}"
    if not allow and (different := run._config._differing(config)):
        from ._bounds import named

        return f"its config has another value of {named(different)}"
    return ""
