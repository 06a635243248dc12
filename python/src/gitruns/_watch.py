"""watch(): histograms and norms of the gradients and parameters of torch modules."""

from __future__ import annotations

from ._errors import UsageError
from ._media import Histogram, _range, add_zeros, odd_of, sparse, to_list, with_zeros
from ._say import once

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
    """Record, every log_freq passes, of a module or a list of them: gradients/<parameter> and parameters/<parameter> as histograms of
    64 bins, their Euclidean norms as .../norm, and gradients/norm of all that had a gradient in this pass.

    log: gradients, parameters, all, or None for nothing. idx numbers the first of several models. Rows join the step of the next log().
    Raises TypeError for what is no torch module; UsageError for another log, a log_freq below 1, or a model that is watched.
    """
    if run.disabled:
        return ()
    if log not in ("gradients", "parameters", "all", None):
        raise UsageError(f"watch: log is gradients, parameters, all or None, not {log!r}")
    if not isinstance(log_freq, int) or log_freq < 1:
        raise UsageError(f"watch: log_freq counts passes, 1 or more, not {log_freq!r}")
    if log_graph:
        once(
            "log_graph",
            "watch(log_graph=True) is not used: no graph of the model is recorded; it stands in the run's tag 'ignored'",
        )
        if "watch.log_graph" not in run._ignored:
            run._ignored.append("watch.log_graph")
            run._write({"tags": {"ignored": " ".join(run._ignored)[:200]}})
    several = list(models) if isinstance(models, (list, tuple)) else [models]
    for model in several:
        if not callable(getattr(model, "named_parameters", None)) or not callable(
            getattr(model, "register_forward_hook", None)
        ):
            raise TypeError(f"watch: {type(model).__name__} is no torch module")
    watched = run.__dict__.setdefault("_watched", [])
    if any(w.model is m for w in watched for m in several):
        raise UsageError("watch: this model is watched already; unwatch() it first")
    for i, model in enumerate(several, int(idx or 0)):
        watched.append(_Watch(run, model, log, log_freq, f"graph_{i}/" if i else ""))
    if unwatch not in run._at_finish:
        run._at_finish.append(unwatch)
    return ()


def unwatch(run: Any, models: Any = None) -> None:
    """Take the hooks of watch() away: of a model, a list of them, or all."""
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
        except Exception as e:  # the training goes on
            once("watch", f"watch: parameters are not recorded: {type(e).__name__}: {e}")

    def _of(self, name: str, passes: list[Any]) -> Any:
        def hook(gradient: Any) -> None:
            passes[0] += 1
            if passes[0] % self.every:
                return
            try:
                histogram, norm = measure(gradient)
                data = {f"{self.prefix}gradients/{name}": histogram, f"{self.prefix}gradients/{name}/norm": norm}
                if name in self.arrived:  # a pass before this one had no gradient for some
                    self.arrived.clear()
                    self.squares = 0.0
                self.arrived.add(name)
                self.squares += norm * norm
                if len(self.arrived) == len(self.names):
                    data[f"{self.prefix}gradients/norm"] = self.squares**0.5
                    self.arrived.clear()
                    self.squares = 0.0
                self.run.log(data, commit=False)
            except Exception as e:  # the training goes on
                once("watch", f"watch: gradients are not recorded: {type(e).__name__}: {e}")

        return hook

    def end(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()


def measure(tensor: Any) -> tuple[Histogram, float]:
    """The histogram of a tensor, counted on its own device, and its Euclidean norm."""
    t, zeros = sparse(tensor.detach() if hasattr(tensor, "detach") else tensor)
    if not hasattr(t, "histc"):
        numbers = to_list(t)
        return Histogram(numbers, num_bins=_BINS), sum(v * v for v in numbers) ** 0.5
    t = t.reshape(-1).float()
    norm = float(t.norm().item())
    every, t = t, t[t.isfinite()]
    odd = (
        odd_of(*(int(which.sum().item()) for which in (every.isnan(), every == float("inf"), every == -float("inf"))))
        if t.numel() != every.numel()
        else {}
    )
    if not t.numel():
        return _with(([zeros], [0.0, 1.0]), odd), norm
    low, high = _range(*with_zeros(float(t.min().item()), float(t.max().item()), zeros))
    counts = add_zeros(t.histc(bins=_BINS, min=low, max=high).tolist(), low, high, zeros)
    width = (high - low) / len(counts)
    return _with((counts, [low + i * width for i in range(len(counts))] + [high]), odd), norm


def _with(counted: tuple[list[Any], list[float]], odd: dict[str, int]) -> Histogram:
    histogram = Histogram(np_histogram=counted)
    histogram.odd = odd
    return histogram
