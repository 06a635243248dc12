"""Calls of wandb.sklearn that log one chart of what a classifier said."""

from __future__ import annotations

from . import _live, _plot
from ._compat import Namespace
from ._errors import Error
from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def _log(call: str, key: str, chart: Any, unused: dict[str, Any], *args: Any) -> None:
    """Log the chart that a plot makes of args. Data that it cannot draw is said: a training goes on without it."""
    run = _live.active()
    if run is None:
        raise Error(f"call gitruns.init() before gitruns.sklearn.{call}()")
    for name in sorted(k for k, v in unused.items() if v):
        once(("sklearn", call, name), f"sklearn.{call}: {name} is not used")
    try:
        run.log({key: chart(*args)})
    except (TypeError, ValueError) as e:
        once(("sklearn", call), f"sklearn.{call}: {key} is not recorded: {e}")


def _column(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def plot_confusion_matrix(y_true: Any = None, y_pred: Any = None, labels: Any = None, **unused: Any) -> None:
    """Log `confusion_matrix`. y_true, y_pred: (rows,) classes, as indexes of labels or as the labels themselves."""

    def chart(true: Any, said: Any) -> Any:
        true, said, names = _column(true), _column(said), None if labels is None else _column(labels)
        if names and not set(true + said) - set(names):
            true, said = [names.index(c) for c in true], [names.index(c) for c in said]
        return _plot.confusion_matrix(y_true=true, preds=said, class_names=names)

    _log("plot_confusion_matrix", "confusion_matrix", chart, unused, y_true, y_pred)


def plot_roc(y_true: Any = None, y_probas: Any = None, labels: Any = None, **unused: Any) -> None:
    """Log `roc`. y_true: (rows,) classes; y_probas: (rows, classes) scores."""
    _log("plot_roc", "roc", _plot.roc_curve, unused, y_true, y_probas, labels, unused.pop("classes_to_plot", None))


def plot_precision_recall(y_true: Any = None, y_probas: Any = None, labels: Any = None, **unused: Any) -> None:
    """Log `precision_recall`. Shapes as in plot_roc."""
    _log(
        "plot_precision_recall",
        "precision_recall",
        _plot.pr_curve,
        unused,
        y_true,
        y_probas,
        labels,
        unused.pop("classes_to_plot", None),
    )


sklearn = Namespace(
    "sklearn",
    "gitruns.integrations.sklearn",
    plot_confusion_matrix=plot_confusion_matrix,
    plot_roc=plot_roc,
    plot_precision_recall=plot_precision_recall,
)
