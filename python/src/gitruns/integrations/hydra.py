"""A callback for Hydra: each job is a run, with its config as params.

    python train.py +hydra.callbacks.gitruns._target_=gitruns.integrations.hydra.GitrunsCallback
    python train.py -m lr=0.1,0.01 +hydra.callbacks.gitruns._target_=gitruns.integrations.hydra.GitrunsCallback

or in the config:

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
from gitruns._say import say


class GitrunsCallback(Callback):
    """Begins a run when a job begins and ends it as the job ends: finished, or failed with its traceback.

    The job calls gitruns.log() as ever; an init() in it returns the same run. The resolved config (without hydra's own part)
    is the run's params, the overrides are the tag `overrides`, the number of a sweep's job the tag `job`, the output folder the tag
    `output_dir`. The jobs of a sweep have one group: group, else the sweep's folder.
    project, name, job_type, tags, notes and what else gitruns.init takes are given as fields of the callback; the default project
    is gitruns.init's, the name of a sweep's job its overrides.

    It holds nothing but text, so that launchers which pickle it (submitit, joblib, ray) can. Inside `runs exec` a single
    job is that run, the jobs of a sweep are part of it. What fails here is said once; the job runs without a record.
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
        self._began = ""

    def on_multirun_start(self, config: Any, **kwargs: Any) -> None:
        """Fix the group of the sweep before its jobs are sent to where they run."""
        self._sweep = True
        if not self._group:
            self._group = str(OmegaConf.select(config, "hydra.sweep.dir") or "") or None

    def on_job_start(self, config: Any, *, task_function: Any = None, **kwargs: Any) -> None:
        """Begin the run of a job."""
        self._began = ""
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
                # In a sweep no job is the outer run: all are part of it.
                given.setdefault("parent", os.environ.get("RUNS_ID") or None)
            if before is not None:
                given.setdefault("parent", before)
                given.setdefault("reinit", "create_new")
            name = self._name or (" ".join(overrides)[:100] if self._sweep else None)
            # The project is where the program was started, also where hydra.job.chdir has moved the job elsewhere.
            os.chdir(hydra.runtime.cwd)
            run = gitruns.init(project=self._project, name=name, group=self._group, tags=tags, config=params, **given)
            self._began = run.run_id or "disabled"
        except Exception as e:
            say(f"hydra: the job is not recorded: {type(e).__name__}: {e}")
        finally:
            os.chdir(cwd)

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """End the run as the job ended."""
        began, self._began = self._began, ""
        run = next((r for r in _live.runs if r.run_id == began), None) if began != "disabled" else gitruns.run
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
