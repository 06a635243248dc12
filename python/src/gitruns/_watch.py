"""watch(): histograms and norms of the gradients and parameters of torch modules.

It never imports torch: it calls the methods of the module that it is given.
"""

from __future__ import annotations

from ._errors import UsageError
from ._media import Histogram, _range, add_zeros, non_finite_counts, sparse, to_list, with_zeros
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_BINS = 64


def watch(
    run: Any,
    models: Any,
    criterion: Any = None,
    log: Any = "gradients",
    log_freq: int = 1000,
    idx: Any = None,
    log_graph: bool = False,
) -> tuple[Any, ...]:
    """Record histograms of gradients and parameters every log_freq passes.

    The keys gradients/<parameter> and parameters/<parameter> have histograms of 64 bins. The same keys with /norm added
    have Euclidean norms, and gradients/norm has the norm over all parameters that had a gradient in this pass. They get
    the step of the next log(). idx is the number of the first model. Raises TypeError if a model is not a torch module,
    and UsageError for a wrong log or log_freq and for a model that is already watched.
    """
    if run.disabled:
        return ()
    if log not in ("gradients", "parameters", "all", None):
        raise UsageError(f"watch: log must be 'gradients', 'parameters', 'all' or None, got {log!r}")
    if not isinstance(log_freq, int) or log_freq < 1:
        raise UsageError(f"watch: log_freq must be an integer of 1 or more, got {log_freq!r}")
    if log_graph:
        warn_once(
            "log_graph",
            "watch(log_graph=True) is not used: the model's graph is not recorded; the run's tag 'ignored' names it",
        )
        if "watch.log_graph" not in run._ignored:
            run._ignored.append("watch.log_graph")
            run._write({"tags": {"ignored": " ".join(run._ignored)[:200]}})
    several = list(models) if isinstance(models, (list, tuple)) else [models]
    for model in several:
        if not callable(getattr(model, "named_parameters", None)) or not callable(
            getattr(model, "register_forward_hook", None)
        ):
            raise TypeError(f"watch: a model must be a torch module, got {type(model).__name__}")
    watched = run.__dict__.setdefault("_watched", [])
    if any(w.model is m for w in watched for m in several):
        raise UsageError("watch: this model is already watched; call unwatch() first")
    for i, model in enumerate(several, int(idx or 0)):
        watched.append(_Watch(run, model, log, log_freq, f"graph_{i}/" if i else ""))
    if unwatch not in run._at_finish:
        run._at_finish.append(unwatch)
    return ()


def unwatch(run: Any, models: Any = None) -> None:
    """Remove the hooks of watch() from a model, a list of models, or all models."""
    if run.disabled:
        return
    watched = run.__dict__.setdefault("_watched", [])
    several = None if models is None else list(models) if isinstance(models, (list, tuple)) else [models]
    for w in list(watched):
        if several is None or any(w.model is m for m in several):
            w.end()
            watched.remove(w)


class _Watch:
    """The hooks of one model."""

    def __init__(self, run: Any, model: Any, log: str | None, every: int, prefix: str) -> None:
        self.run, self.model, self.every, self.prefix = run, model, every, prefix
        self.passes = 0
        self.handles: list[Any] = []
        self.squares = 0.0
        self.arrived: set[Any] = set()
        if log in ("parameters", "all"):
            self.handles.append(model.register_forward_hook(self._forward))
        if log in ("gradients", "all"):
            self.names = [name for name, p in model.named_parameters() if p.requires_grad]
            for name, p in model.named_parameters():
                if p.requires_grad:
                    self.handles.append(p.register_hook(self._of(name, [0])))

    def _forward(self, module: Any, given: Any, made: Any) -> None:
        if not getattr(module, "training", True):
            return
        self.passes += 1
        if self.passes % self.every:
            return
        try:
            data: dict[str, Any] = {}
            for name, p in self.model.named_parameters():
                histogram, norm = measure(p)
                data[f"{self.prefix}parameters/{name}"] = histogram
                data[f"{self.prefix}parameters/{name}/norm"] = norm
            self.run.log(data, commit=False)
        except Exception as e:  # training continues
            warn_once("watch", f"watch: parameters were not recorded: {type(e).__name__}: {e}")

    def _of(self, name: str, passes: list[Any]) -> Any:
        def hook(gradient: Any) -> None:
            passes[0] += 1
            if passes[0] % self.every:
                return
            try:
                histogram, norm = measure(gradient)
                data = {f"{self.prefix}gradients/{name}": histogram, f"{self.prefix}gradients/{name}/norm": norm}
                if name in self.arrived:  # in an earlier pass some parameters had no gradient
                    self.arrived.clear()
                    self.squares = 0.0
                self.arrived.add(name)
                self.squares += norm * norm
                if len(self.arrived) == len(self.names):
                    data[f"{self.prefix}gradients/norm"] = self.squares**0.5
                    self.arrived.clear()
                    self.squares = 0.0
                self.run.log(data, commit=False)
            except Exception as e:  # training continues
                warn_once("watch", f"watch: gradients were not recorded: {type(e).__name__}: {e}")

        return hook

    def end(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()


def measure(tensor: Any) -> tuple[Histogram, float]:
    """Return the histogram and the Euclidean norm of a tensor.

    They are computed on the tensor's device.
    """
    t, zeros = sparse(tensor.detach() if hasattr(tensor, "detach") else tensor)
    if not hasattr(t, "histc"):
        numbers = to_list(t)
        return Histogram(numbers, num_bins=_BINS), sum(v * v for v in numbers) ** 0.5
    t = t.reshape(-1).float()
    norm = float(t.norm().item())
    every, t = t, t[t.isfinite()]
    non_finite: dict[str, int] = {}
    if t.numel() != every.numel():
        masks = every.isnan(), every == float("inf"), every == -float("inf")
        non_finite = non_finite_counts(*(int(mask.sum().item()) for mask in masks))
    if not t.numel():
        return _with(([zeros], [0.0, 1.0]), non_finite), norm
    low, high = _range(*with_zeros(float(t.min().item()), float(t.max().item()), zeros))
    counts = add_zeros(t.histc(bins=_BINS, min=low, max=high).tolist(), low, high, zeros)
    width = (high - low) / len(counts)
    return _with((counts, [low + i * width for i in range(len(counts))] + [high]), non_finite), norm


def _with(counted: tuple[list[Any], list[float]], non_finite: dict[str, int]) -> Histogram:
    histogram = Histogram(np_histogram=counted)
    histogram.non_finite = non_finite
    return histogram
