"""A callback for Hydra: each job is a run, with its config as params.

    python train.py +hydra.callbacks.gitruns._target_=gitruns.integrations.hydra.GitrunsCallback
    python train.py -m lr=0.1,0.01 +hydra.callbacks.gitruns._target_=gitruns.integrations.hydra.GitrunsCallback

The same in the config:

    hydra:
      callbacks:
        gitruns:
          _target_: gitruns.integrations.hydra.GitrunsCallback
          project: penguins
"""

from __future__ import annotations

import os
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import OmegaConf

import gitruns
from gitruns import _end, _live
from gitruns._messages import warn


class GitrunsCallback(Callback):
    """Records each job as a run. The run fails if the job fails.

    The job calls gitruns.log() as usual, and init() in the job returns the same run. The params are the resolved config
    without Hydra's own part. The tags `overrides`, `output_dir` and, in a sweep, `job` have the overrides, the output
    folder and the number of the job. Under `runs exec` a single job records to that run, and the jobs of a sweep are
    its children. If an error prevents recording, a warning is printed, and the job runs without a record.

    The callback has only text fields, so that launchers (submitit, joblib, ray) can pickle it.

    Args:
        project: The project. The default is that of gitruns.init.
        group: The group of all jobs of a sweep. The default is the folder of the sweep.
        name: The name of the run. The default for a job of a sweep is its overrides.
        **init: Further arguments of gitruns.init.
    """

    def __init__(
        self, project: str | None = None, group: str | None = None, name: str | None = None, **init: Any
    ) -> None:
        self._project = project
        self._group = group
        self._name = name
        self._init = {
            k: OmegaConf.to_container(v, resolve=True) if OmegaConf.is_config(v) else v for k, v in init.items()
        }
        self._sweep = False
        self._run_id = ""

    def on_multirun_start(self, config: Any, **kwargs: Any) -> None:
        """Set the group of the sweep before its jobs are sent to other processes."""
        self._sweep = True
        if not self._group:
            self._group = str(OmegaConf.select(config, "hydra.sweep.dir") or "") or None

    def on_job_start(self, config: Any, *, task_function: Any = None, **kwargs: Any) -> None:
        """Start the run of a job."""
        self._run_id = ""
        before = gitruns.run
        given = dict(self._init)
        cwd = os.getcwd()
        try:
            hydra = HydraConfig.get()
            params = OmegaConf.masked_copy(config, [k for k in config if k != "hydra"])
            overrides = [str(o) for o in OmegaConf.to_container(hydra.overrides.task)]
            tags = given.pop("tags", None) or {}
            tags = (
                dict(tags)
                if isinstance(tags, dict)
                else {str(t): "yes" for t in ([tags] if isinstance(tags, str) else tags)}
            )
            if overrides:
                tags["overrides"] = " ".join(overrides)
            tags["output_dir"] = str(hydra.runtime.output_dir)
            if self._sweep:
                tags["job"] = str(OmegaConf.select(config, "hydra.job.num"))
                # In a sweep no job records to the outer run; all are its children.
                given.setdefault("parent", os.environ.get("RUNS_ID") or None)
            if before is not None:
                given.setdefault("parent", before)
                given.setdefault("reinit", "create_new")
            name = self._name or (" ".join(overrides)[:100] if self._sweep else None)
            # hydra.job.chdir changes the folder of the job, but the project is where the program was started.
            os.chdir(hydra.runtime.cwd)
            run = gitruns.init(project=self._project, name=name, group=self._group, tags=tags, config=params, **given)
            self._run_id = run.run_id or "disabled"
        except Exception as e:
            warn(f"hydra: the job is not recorded: {type(e).__name__}: {e}")
        finally:
            os.chdir(cwd)

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """Finish the run with the status of the job."""
        run_id, self._run_id = self._run_id, ""
        run = next((r for r in _live.runs if r.run_id == run_id), None) if run_id != "disabled" else gitruns.run
        if run is None:
            return
        if run.disabled:
            run.finish()
            return
        error = getattr(job_return, "_return_value", None)
        if job_return.status.name != "COMPLETED" and isinstance(error, BaseException):
            _end.finish_with(run, type(error), error, error.__traceback__)
            return
        if isinstance(error, (int, float)) and not isinstance(error, bool):
            run.summary.update({"return_value": error})
        run.finish(None if job_return.status.name == "COMPLETED" else 1)
