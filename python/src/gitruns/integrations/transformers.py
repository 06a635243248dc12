"""The callback for the Trainer of transformers, and of what builds on it (trl, sentence-transformers, setfit).

    import gitruns
    from transformers import Trainer, TrainingArguments

    Trainer(model, TrainingArguments("out", report_to="gitruns"), train_dataset=data).train()

`import gitruns` anywhere before the Trainer is made is enough for the word "gitruns". Where the callback has to be told
something, pass it: `Trainer(..., callbacks=[GitrunsCallback(project="penguins", log_model="end")])`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from transformers.trainer_callback import TrainerCallback

import gitruns
from gitruns import _say

try:
    from transformers.trainer_callback import ExportableState
except ImportError:  # transformers before 4.42

    class ExportableState:  # type: ignore[no-redef]
        """Callbacks whose state checkpoints keep came later."""


# What the Trainer says once, at the end of train(): no curve, but a value of the run.
_ONCE = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss", "total_flos")


class _Begun:
    """The run that a callback of this process began and that is open, and the training that it is for."""

    run: Any = None
    state: Any = None  # the Trainer's state in that training
    callback: Any = None  # which callback records it, where a Trainer has several
    trained = False  # a training has begun in the run
    training = False  # and has not come to its end

    @classmethod
    def set(cls, run: Any, state: Any, callback: Any, training: bool) -> None:
        cls.run, cls.state, cls.callback, cls.trained, cls.training = run, state, callback, training, training


def rewrite_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """The Trainer's flat keys as groups: eval_loss as eval/loss, test_loss as test/loss, any other as train/…"""
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
    """Records a training of the Trainer: metrics by global step, its arguments and the model's config as params.

    The run. Where gitruns.init() was called before, that run is recorded to and left open. Else a run begins with the
    training; what is evaluated or predicted behind it belongs to it; it ends when the next training of this process
    begins, or with the process, or at the end of training with finish=True. A trial of hyperparameter_search is a run of
    its own, part of the caller's run where there is one, of the group run_name or output_dir. A checkpoint names
    its run: train(resume_from_checkpoint=…) goes on with that run, also in another process.

    project, name and what else gitruns.init takes say what the run is (default: args.project where it was set,
    args.run_name). log_model: "end" keeps the model at the end of training as an artifact, "checkpoint" each checkpoint;
    default the environment's RUNS_LOG_MODEL or WANDB_LOG_MODEL, else "false". watch: "gradients", "parameters" or "all"
    record histograms of them; default RUNS_WATCH or WANDB_WATCH, else "false".

    Only the process of world rank 0 records. Raises ValueError for an unknown log_model or watch, and at the begin of
    training what gitruns.init raises.
    """

    def __init__(
        self, project: str | None = None, name: str | None = None, log_model: str | bool | None = None, watch: str | bool | None = None,
        finish: bool = False, **init: Any,
    ) -> None:  # fmt: skip
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
        """Begin the run, or go on with the one of the checkpoint."""
        if not state.is_world_process_zero:
            return
        self._begin(args, state, model, training=True)
        # The Trainer expects an entry a callback in the state, which a checkpoint from before has not.
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
        once = {k: v for k, v in logs.items() if k in _ONCE}
        if once:
            self._run.summary.update(once)
        curves = {k: v for k, v in logs.items() if k not in _ONCE}
        if curves:
            self._run.log(rewrite_logs(curves), step=state.global_step)

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
        """Keep the checkpoint where log_model is "checkpoint"."""
        if self._log_model != "checkpoint" or not state.is_world_process_zero or not self._logs(state):
            return
        folder = _checkpoint(args.output_dir, state)
        if folder is None:
            _say.say(f"log_model: no folder checkpoint-{state.global_step} below {args.output_dir}; it is not kept")
            return
        aliases = ["latest", f"step-{state.global_step}"]
        if state.best_model_checkpoint and os.path.abspath(state.best_model_checkpoint) == os.path.abspath(folder):
            aliases.append("best")
        self._keep(folder, aliases, {"step": state.global_step, "epoch": state.epoch})

    def on_train_end(
        self, args: Any, state: Any, control: Any, model: Any = None, processing_class: Any = None, **kwargs: Any
    ) -> None:
        """Keep the model where log_model is "end"; end the run where finish is set and the callback began it."""
        if not state.is_world_process_zero or self._run is None:
            return
        if _Begun.run is self._run:
            _Begun.training = False
        if not self._logs(state):
            return
        if state.best_metric is not None:
            best = {"best_metric": state.best_metric, "best_step": getattr(state, "best_global_step", None)}
            self._run.summary.update({k: v for k, v in best.items() if v is not None})
        if self._log_model == "end":
            # Older versions hand the tokenizer over under its old name.
            self._keep_model(args, state, model, processing_class or kwargs.get("tokenizer"))
        if self._watched is not None:
            self._run.unwatch(self._watched)
            self._watched = None
        if self._finish and _Begun.run is self._run:
            _end(0)
            self._run = None

    # What checkpoints keep of the callback

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: how the callback was made, and the run that it records to."""
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
        except (TypeError, ValueError):  # checkpoints are JSON: a config object does without
            pass
        return {"args": made, "attributes": {"run_id": self.run_id}}

    # The run

    def _logs(self, state: Any) -> bool:
        """Whether this callback has an open run, and no other one records the same training."""
        run = self._run
        if run is None or getattr(run, "_state", "") != "":
            return False
        return _Begun.run is not run or _Begun.callback is self or _Begun.state is not state

    def _begin(self, args: Any, state: Any, model: Any, training: bool = False) -> None:
        """Have a run: the caller's, the one that is open, or a new one."""
        if not training and self._run is not None and not getattr(self._run, "_state", ""):
            return
        begun = _Begun.run
        if begun is not None and (
            getattr(begun, "_state", "") != "" or getattr(begun, "_pid", os.getpid()) != os.getpid()
        ):
            _Begun.set(None, None, None, False)
            begun = None
        resumed = _run_of(state, type(self).__name__) if state.global_step > 0 else None
        trial = training and bool(getattr(state, "is_hyper_param_search", False))
        own = gitruns.run if gitruns.run is not begun else None
        if begun is not None:
            if not training or _Begun.state is state:  # another callback of the same Trainer, or an evaluation
                self._take(begun)
                return
            if not trial and (not _Begun.trained or begun.id == resumed):
                _Begun.set(begun, state, self, True)
                self._take(begun)
                self._params(begun, args, state, model)
                return
            _end(1 if _Begun.training else 0)
        if own is not None and (not trial or own.disabled):
            self._take(own)
            self._params(own, args, state, model)
            return
        run_name = args.run_name if args.run_name and args.run_name != args.output_dir else None
        words: dict[str, Any] = {"project": self._project or _project(args)}
        if trial:
            words["name"] = getattr(state, "trial_name", None)
            words["group"] = run_name or os.path.basename(os.path.abspath(args.output_dir))
            words["parent"] = own or os.environ.get("RUNS_ID")
            if own is not None:
                words["reinit"] = "create_new"
        else:
            words["name"] = self._name or run_name
        if resumed:
            words.update(id=resumed, resume="allow", allow_val_change=True)
        words.update(self._init)
        run = gitruns.init(**words)
        _Begun.set(run, state, self, training)
        self._take(run)
        self._params(run, args, state, model)

    def _take(self, run: Any) -> None:
        self._run = run
        self.run_id = None if run.disabled else run.id

    def _params(self, run: Any, args: Any, state: Any, model: Any) -> None:
        """Record the arguments, the model's config below model_config, and which way the watched metric is better."""
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
            except (AttributeError, NotImplementedError):  # a wrapper that has the name and not the answer
                pass
        run.config.update(params, allow_val_change=True)
        metric = getattr(args, "metric_for_best_model", None)
        if metric:
            key = rewrite_logs({metric if metric.startswith(("eval_", "test_")) else "eval_" + metric: None})
            run.define_metric(next(iter(key)), goal="maximize" if args.greater_is_better else "minimize")

    # Models

    def _keep_model(self, args: Any, state: Any, model: Any, processing_class: Any) -> None:
        if getattr(args, "deepspeed", None) or getattr(args, "fsdp", None):
            _say.say(
                'log_model="end": the parameters lie on several processes; use log_model="checkpoint", whose files the Trainer gathers'
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
        """Keep a folder as the model of the run. An error is said: training goes on."""
        try:
            artifact = gitruns.Artifact(f"model-{self._run.id}", type="model", metadata=metadata)
            artifact.add_dir(folder)
            self._run.log_artifact(artifact, aliases=aliases)
        except Exception as e:
            _say.say(f"the model at step {metadata['step']} is not kept: {type(e).__name__}: {e}")


def register() -> None:
    """Make report_to="gitruns" known to transformers. `import gitruns` sees to it."""
    for name in ("transformers.integrations.integration_utils", "transformers.integrations"):
        registry = getattr(sys.modules.get(name), "__dict__", {}).get("INTEGRATION_TO_CALLBACK")
        if registry is not None:
            registry["gitruns"] = GitrunsCallback
            return


def _end(code: int) -> None:
    """End the run that a callback began: code 1 where its training did not come to its end."""
    run = _Begun.run
    _Begun.set(None, None, None, False)
    run.finish(exit_code=code)


def _choice(what: str, value: Any, known: tuple[str, ...], others: dict[str, str]) -> str:
    """One of the known words, or '' for none; from the environment where value is None."""
    given = value is not None
    if not given:
        value = os.environ.get(f"RUNS_{what.upper()}") or os.environ.get(f"WANDB_{what.upper()}") or "false"
    word = str(value).lower()
    word = others.get(word, word)
    if word in known:
        return word
    if word in ("false", "none", "0", ""):
        return ""
    if given:
        raise ValueError(f"GitrunsCallback: {what} {value!r} is none of {', '.join(known)}, false")
    _say.once(what, f"the environment's {what} {value!r} is none of {', '.join(known)}, false; it is not used")
    return ""


def _project(args: Any) -> str | None:
    """The project of the arguments where it is not the library's default."""
    project = getattr(args, "project", None)
    return project if project and project != "huggingface" else None


def _run_of(state: Any, name: str) -> str | None:
    """The id of the run that wrote the checkpoint of which state was read."""
    kept = getattr(state, "stateful_callbacks", None)
    kept = kept.get(name) if isinstance(kept, dict) else None
    if isinstance(kept, list):
        kept = kept[-1] if kept else None
    attributes = kept.get("attributes") if isinstance(kept, dict) else None
    run_id = attributes.get("run_id") if isinstance(attributes, dict) else None
    return run_id if isinstance(run_id, str) and run_id else None


def _checkpoint(output_dir: str, state: Any) -> str | None:
    """The folder of the checkpoint of this step: below the output folder, or below that of a trial in it."""
    name = f"checkpoint-{state.global_step}"
    folder = os.path.join(output_dir, name)
    if not getattr(state, "is_hyper_param_search", False):
        return folder if os.path.isdir(folder) else None
    import glob

    found = [f for f in glob.glob(os.path.join(glob.escape(output_dir), "*", name)) if os.path.isdir(f)]
    return max(found, key=os.path.getmtime, default=None)


register()
