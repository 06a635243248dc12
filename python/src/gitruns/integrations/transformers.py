"""The callback for the Trainer of transformers and of libraries that build on it (trl, sentence-transformers, setfit).

    import gitruns
    from transformers import Trainer, TrainingArguments

    Trainer(model, TrainingArguments("out", report_to="gitruns"), train_dataset=data).train()

The name "gitruns" works if `import gitruns` comes anywhere before the Trainer is made. To give the callback arguments,
pass it instead: `Trainer(..., callbacks=[GitrunsCallback(project="penguins", log_model="end")])`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from transformers.trainer_callback import TrainerCallback

import gitruns
from gitruns import _messages

try:
    from transformers.trainer_callback import ExportableState
except ImportError:  # transformers before 4.42

    class ExportableState:  # type: ignore[no-redef]
        """A stand-in: these versions do not keep the state of callbacks in checkpoints."""


# Logged once, at the end of train(): values for the summary, not metrics.
_ONCE = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss", "total_flos")


class _Started:
    """The open run that a callback of this process started, and its training."""

    run: Any = None
    state: Any = None  # the Trainer's state in that training
    callback: Any = None  # the callback that records it, because a Trainer may have several
    trained = False  # a training has started in the run
    training = False  # that training is not over

    @classmethod
    def set(cls, run: Any, state: Any, callback: Any, training: bool) -> None:
        cls.run, cls.state, cls.callback, cls.trained, cls.training = run, state, callback, training, training


def rewrite_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Group the Trainer's keys.

    eval_loss becomes eval/loss, test_loss becomes test/loss, and loss train/loss.
    """
    out = {}
    for key, value in logs.items():
        for prefix in ("eval", "test"):
            if key.startswith(prefix + "_"):
                out[prefix + "/" + key[len(prefix) + 1 :]] = value
                break
        else:
            out["train/" + key] = value
    return out


class GitrunsCallback(TrainerCallback, ExportableState):
    """Records a training of the Trainer.

    Metrics have the global step. The arguments and the model's config are params. If a run is active, the callback
    records to it and leaves it open. Otherwise a run starts with the training, and later evaluations and predictions
    belong to it. It ends when the next training of this process starts, with the process, or with finish=True at the
    end of the training. Each trial of hyperparameter_search is a run, a child of the active run, in the group
    run_name or output_dir. train(resume_from_checkpoint=…) resumes the run that wrote the checkpoint. Only the
    process of world rank 0 records. The start of a training raises the errors of gitruns.init.

    Args:
        project: The project. The default is args.project if that is set, otherwise that of gitruns.init.
        name: The name of the run. The default is args.run_name.
        log_model: "end" keeps the model at the end of the training as an artifact, "checkpoint" keeps each
            checkpoint. The default is RUNS_LOG_MODEL or WANDB_LOG_MODEL, otherwise "false".
        watch: "gradients", "parameters" or "all" records histograms of them. The default is RUNS_WATCH or WANDB_WATCH,
            otherwise "false".
        finish: Finish the run at the end of the training.
        **init: Further arguments of gitruns.init.

    Raises:
        ValueError: log_model or watch has another value.
    """

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        log_model: str | bool | None = None,
        watch: str | bool | None = None,
        finish: bool = False,
        **init: Any,
    ) -> None:
        self._project = project
        self._name = name
        self._log_model = _choice("log_model", log_model, ("end", "checkpoint"), {"true": "end", "1": "end"})
        self._watch = _choice("watch", watch, ("gradients", "parameters", "all"), {"true": "gradients"})
        self._finish = finish
        self._init = init
        self._run: Any = None
        self._watched: Any = None
        self.run_id: str | None = None

    # Called by the Trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Start the run, or resume the run of the checkpoint."""
        if not state.is_world_process_zero:
            return
        self._begin(args, state, model, training=True)
        # The Trainer expects an entry for each callback in the state, which an older checkpoint does not have.
        if isinstance(getattr(state, "stateful_callbacks", None), dict):
            state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        if self._watch and self._watched is not model and self._logs(state):
            self._run.watch(model, log=self._watch, log_freq=max(100, int(getattr(state, "logging_steps", 0) or 0)))
            self._watched = model

    def on_log(
        self, args: Any, state: Any, control: Any, model: Any = None, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Record what the Trainer logs, at the global step."""
        if not state.is_world_process_zero or not logs:
            return
        self._begin(args, state, model)
        if not self._logs(state):
            return
        results = {k: v for k, v in logs.items() if k in _ONCE}
        if results:
            self._run.summary.update(results)
        metrics = {k: v for k, v in logs.items() if k not in _ONCE}
        if metrics:
            self._run.log(rewrite_logs(metrics), step=state.global_step)

    def on_predict(
        self,
        args: Any,
        state: Any,
        control: Any,
        metrics: dict[str, Any] | None = None,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Record the metrics of predict(), which the Trainer does not log."""
        if not state.is_world_process_zero or not metrics:
            return
        self._begin(args, state, model)
        if self._logs(state):
            self._run.log(rewrite_logs(metrics), step=state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the checkpoint, if log_model is "checkpoint"."""
        if self._log_model != "checkpoint" or not state.is_world_process_zero or not self._logs(state):
            return
        folder = _checkpoint(args.output_dir, state)
        if folder is None:
            _messages.warn(
                f"log_model: checkpoint-{state.global_step} was not kept: {args.output_dir} has no such folder"
            )
            return
        aliases = ["latest", f"step-{state.global_step}"]
        if state.best_model_checkpoint and os.path.abspath(state.best_model_checkpoint) == os.path.abspath(folder):
            aliases.append("best")
        self._keep(folder, aliases, {"step": state.global_step, "epoch": state.epoch})

    def on_train_end(
        self, args: Any, state: Any, control: Any, model: Any = None, processing_class: Any = None, **kwargs: Any
    ) -> None:
        """Keep the model and finish the run, as the callback's arguments say.

        log_model="end" keeps the model, and finish=True finishes the run.
        """
        if not state.is_world_process_zero or self._run is None:
            return
        if _Started.run is self._run:
            _Started.training = False
        if not self._logs(state):
            return
        if state.best_metric is not None:
            best = {"best_metric": state.best_metric, "best_step": getattr(state, "best_global_step", None)}
            self._run.summary.update({k: v for k, v in best.items() if v is not None})
        if self._log_model == "end":
            # Older versions pass the tokenizer under its old name.
            self._keep_model(args, state, model, processing_class or kwargs.get("tokenizer"))
        if self._watched is not None:
            self._run.unwatch(self._watched)
            self._watched = None
        if self._finish and _Started.run is self._run:
            _end(0)
            self._run = None

    # The state in checkpoints

    def state(self) -> dict[str, Any]:
        """Return the state that a checkpoint keeps.

        It has the arguments of the callback and the id of its run.
        """
        made = {
            "project": self._project,
            "name": self._name,
            "log_model": self._log_model or "false",
            "watch": self._watch or "false",
            "finish": self._finish,
        }
        import json

        try:
            json.dumps(self._init)
            made.update(self._init)
        except (TypeError, ValueError):  # a checkpoint is JSON and cannot hold a config object
            pass
        return {"args": made, "attributes": {"run_id": self.run_id}}

    # The run

    def _logs(self, state: Any) -> bool:
        """Report whether this callback has an open run and records this training.

        A Trainer may have several callbacks.
        """
        run = self._run
        if run is None or getattr(run, "_state", "") != "":
            return False
        return _Started.run is not run or _Started.callback is self or _Started.state is not state

    def _begin(self, args: Any, state: Any, model: Any, training: bool = False) -> None:
        """Make sure that there is a run to record to.

        It is the caller's, the one that a callback started, or a new one.
        """
        if not training and self._run is not None and not getattr(self._run, "_state", ""):
            return
        started = _Started.run
        if started is not None and (
            getattr(started, "_state", "") != "" or getattr(started, "_pid", os.getpid()) != os.getpid()
        ):
            _Started.set(None, None, None, False)
            started = None
        resumed = _run_of(state, type(self).__name__) if state.global_step > 0 else None
        trial = training and bool(getattr(state, "is_hyper_param_search", False))
        callers = gitruns.run if gitruns.run is not started else None
        if started is not None:
            if not training or _Started.state is state:  # another callback of the same Trainer, or an evaluation
                self._use(started)
                return
            if not trial and (not _Started.trained or started.id == resumed):
                _Started.set(started, state, self, True)
                self._use(started)
                self._params(started, args, state, model)
                return
            _end(1 if _Started.training else 0)
        if callers is not None and (not trial or callers.disabled):
            self._use(callers)
            self._params(callers, args, state, model)
            return
        run_name = args.run_name if args.run_name and args.run_name != args.output_dir else None
        arguments: dict[str, Any] = {"project": self._project or _project(args)}
        if trial:
            arguments["name"] = getattr(state, "trial_name", None)
            arguments["group"] = run_name or os.path.basename(os.path.abspath(args.output_dir))
            arguments["parent"] = callers or os.environ.get("RUNS_ID")
            if callers is not None:
                arguments["reinit"] = "create_new"
        else:
            arguments["name"] = self._name or run_name
        if resumed:
            arguments.update(id=resumed, resume="allow", allow_val_change=True)
        arguments.update(self._init)
        run = gitruns.init(**arguments)
        _Started.set(run, state, self, training)
        self._use(run)
        self._params(run, args, state, model)

    def _use(self, run: Any) -> None:
        self._run = run
        self.run_id = None if run.disabled else run.id

    def _params(self, run: Any, args: Any, state: Any, model: Any) -> None:
        """Record the arguments and the model's config as params.

        The metric of metric_for_best_model gets its goal.
        """
        params = dict(args.to_dict())
        config = getattr(model, "config", None)
        if config is not None:
            params["model_config"] = config if isinstance(config, dict) else config.to_dict()
        peft = getattr(model, "peft_config", None)
        if peft is not None:
            params["peft_config"] = (
                {k: v.to_dict() if hasattr(v, "to_dict") else v for k, v in peft.items()}
                if isinstance(peft, dict)
                else peft
            )
        if getattr(state, "trial_params", None):
            params["trial"] = dict(state.trial_params)
        if callable(getattr(model, "num_parameters", None)):
            try:
                params["num_parameters"] = model.num_parameters()
            except (AttributeError, NotImplementedError):  # a wrapper that does not implement it
                pass
        run.config.update(params, allow_val_change=True)
        metric = getattr(args, "metric_for_best_model", None)
        if metric:
            key = rewrite_logs({metric if metric.startswith(("eval_", "test_")) else "eval_" + metric: None})
            run.define_metric(next(iter(key)), goal="maximize" if args.greater_is_better else "minimize")

    # Models

    def _keep_model(self, args: Any, state: Any, model: Any, processing_class: Any) -> None:
        if getattr(args, "deepspeed", None) or getattr(args, "fsdp", None):
            _messages.warn(
                'log_model="end": the model was not kept, because its parameters are on several processes; '
                'use log_model="checkpoint", for which the Trainer gathers them'
            )
            return
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            if hasattr(model, "save_pretrained"):
                model.save_pretrained(folder)
            else:
                import torch

                torch.save(model.state_dict(), os.path.join(folder, "pytorch_model.bin"))
            if hasattr(processing_class, "save_pretrained"):
                processing_class.save_pretrained(folder)
            self._keep(folder, ["latest", "final"], {"step": state.global_step, "epoch": state.epoch})

    def _keep(self, folder: str, aliases: list[Any], metadata: dict[str, Any]) -> None:
        """Keep a folder as the model of the run.

        An error only causes a warning, so that training continues.
        """
        try:
            artifact = gitruns.Artifact(f"model-{self._run.id}", type="model", metadata=metadata)
            artifact.add_dir(folder)
            self._run.log_artifact(artifact, aliases=aliases)
        except Exception as e:
            _messages.warn(f"the model at step {metadata['step']} was not kept: {type(e).__name__}: {e}")


def register() -> None:
    """Register the name "gitruns" in transformers. `import gitruns` calls this."""
    for name in ("transformers.integrations.integration_utils", "transformers.integrations"):
        registry = getattr(sys.modules.get(name), "__dict__", {}).get("INTEGRATION_TO_CALLBACK")
        if registry is not None:
            registry["gitruns"] = GitrunsCallback
            return


def _end(code: int) -> None:
    """Finish the run that a callback started, with an exit status."""
    run = _Started.run
    _Started.set(None, None, None, False)
    run.finish(exit_code=code)


def _choice(what: str, value: Any, known: tuple[str, ...], others: dict[str, str]) -> str:
    """Return one of the known values, or '' for none.

    If value is None, the environment decides.
    """
    given = value is not None
    if not given:
        value = os.environ.get(f"RUNS_{what.upper()}") or os.environ.get(f"WANDB_{what.upper()}") or "false"
    choice = str(value).lower()
    choice = others.get(choice, choice)
    if choice in known:
        return choice
    if choice in ("false", "none", "0", ""):
        return ""
    rule = f"{what} must be {', '.join(known)} or false, got {value!r}"
    if given:
        raise ValueError("GitrunsCallback: " + rule)
    _messages.warn_once(what, f"{rule} from the environment; it is not used")
    return ""


def _project(args: Any) -> str | None:
    """Return the project of the arguments, or None if it is the library's default."""
    project = getattr(args, "project", None)
    return project if project and project != "huggingface" else None


def _run_of(state: Any, name: str) -> str | None:
    """Return the id of the run that wrote the checkpoint from which state was read."""
    kept = getattr(state, "stateful_callbacks", None)
    kept = kept.get(name) if isinstance(kept, dict) else None
    if isinstance(kept, list):
        kept = kept[-1] if kept else None
    attributes = kept.get("attributes") if isinstance(kept, dict) else None
    run_id = attributes.get("run_id") if isinstance(attributes, dict) else None
    return run_id if isinstance(run_id, str) and run_id else None


def _checkpoint(output_dir: str, state: Any) -> str | None:
    """Return the folder of this step's checkpoint.

    It is in the output folder, or in that of a trial in it.
    """
    name = f"checkpoint-{state.global_step}"
    folder = os.path.join(output_dir, name)
    if not getattr(state, "is_hyper_param_search", False):
        return folder if os.path.isdir(folder) else None
    import glob

    found = [f for f in glob.glob(os.path.join(glob.escape(output_dir), "*", name)) if os.path.isdir(f)]
    return max(found, key=os.path.getmtime, default=None)


register()
