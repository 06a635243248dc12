"""A callback for Stable-Baselines3: the metrics that it logs, its params, gradients and the model.

import gitruns
from gitruns.integrations.stable_baselines3 import GitrunsCallback
from stable_baselines3 import A2C

with gitruns.init(project="cartpole"):
    A2C("MlpPolicy", "CartPole-v1", device="cpu").learn(1_000, callback=GitrunsCallback())
"""

from __future__ import annotations

import os
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from ._current import current, guarded, set_params


class _Writer(KVWriter):
    """An output of the model's logger that records to the run."""

    def __init__(self, run: Any, prefix: str) -> None:
        self._run = run
        self._prefix = prefix

    @guarded
    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Record the numbers of one dump of the logger."""
        row = {self._prefix + key: float(v) for key, v in key_values.items() if _number(v)}
        if row:
            self._run.log(row, step=step)

    def close(self) -> None:
        """Leave the run open: the program ends it."""


def _number(v: Any) -> bool:
    if isinstance(v, (bool, str)) or getattr(v, "shape", ()) != ():
        return False
    return hasattr(v, "__float__")


class GitrunsCallback(BaseCallback):
    """Records what the model logs, with its timesteps as steps.

    The keys are those of the model: `rollout/ep_rew_mean`, `train/loss`, …. learn() raises gitruns.Error if there is
    no run.

    Args:
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys.
        log_params: Record the algorithm and its settings in the config table `stable_baselines3`.
        metrics: Record what the model's logger writes. Set it to False if another part of the program does.
        save_model: Keep the model as model.zip.
        save_freq: Also keep the model after this many calls. 0 keeps it only at the end.
        watch: Record "gradients", "parameters" or "all" of the policy as histograms.
        watch_freq: Record these histograms every so many backward passes.
        verbose: The verbosity of Stable-Baselines3.
    """

    def __init__(
        self,
        run: Any = None,
        *,
        prefix: str = "",
        log_params: bool = True,
        metrics: bool = True,
        save_model: bool = False,
        save_freq: int = 0,
        watch: str | None = None,
        watch_freq: int = 1000,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        self._given = run
        self._run: Any = None
        self._prefix = prefix
        self._log_params = log_params
        self._metrics = metrics
        self._save_model = save_model
        self._save_freq = save_freq
        self._watch = watch
        self._watch_freq = watch_freq

    def _on_training_start(self) -> None:
        self._run = current(self._given, "learn() with GitrunsCallback")
        self._start()

    @guarded
    def _start(self) -> None:
        if self._metrics and not any(isinstance(f, _Writer) for f in self.logger.output_formats):
            self.logger.output_formats.append(_Writer(self._run, self._prefix))
        if self._log_params:
            params = {
                k: v
                for k, v in vars(self.model).items()
                if not k.startswith("_") and isinstance(v, (bool, int, float, str))
            }
            set_params(self._run, "stable_baselines3", {"algorithm": type(self.model).__name__, **params})
        if self._watch:
            self._run.watch(self.model.policy, log=self._watch, log_freq=self._watch_freq)

    def _on_step(self) -> bool:
        if self._save_model and self._save_freq > 0 and self.n_calls % self._save_freq == 0:
            self._save()
        return True

    def _on_training_end(self) -> None:
        if self._save_model:
            self._save()

    @guarded
    def _save(self) -> None:
        if not self._run.disabled:
            self.model.save(os.path.join(self._run.dir, self._prefix.replace("/", "_") + "model.zip"))
