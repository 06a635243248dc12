"""Functions of wandb.sklearn that log one chart of a classifier's predictions."""

from __future__ import annotations

from . import _live, _plot
from ._compat import Namespace
from ._errors import Error
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def _log(call: str, key: str, chart: Any, unused: dict[str, Any], *args: Any) -> None:
    """Log the chart that a plot makes of args.

    Data that it cannot draw only causes a warning, so that training continues.
    """
    run = _live.active()
    if run is None:
        raise Error(f"call gitruns.init() before gitruns.sklearn.{call}()")
    for name in sorted(k for k, v in unused.items() if v):
        warn_once(("sklearn", call, name), f"sklearn.{call}: {name} is not used")
    try:
        run.log({key: chart(*args)})
    except (TypeError, ValueError) as e:
        warn_once(("sklearn", call), f"sklearn.{call}: {key} was not recorded: {e}")


def _column(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def plot_confusion_matrix(y_true: Any = None, y_pred: Any = None, labels: Any = None, **unused: Any) -> None:
    """Log a chart `confusion_matrix`.

    y_true and y_pred have one class per row, as an index into labels or as the label itself.
    """

    def chart(true: Any, predicted: Any) -> Any:
        true, predicted, names = _column(true), _column(predicted), None if labels is None else _column(labels)
        if names and not set(true + predicted) - set(names):
            true, predicted = [names.index(c) for c in true], [names.index(c) for c in predicted]
        return _plot.confusion_matrix(y_true=true, preds=predicted, class_names=names)

    _log("plot_confusion_matrix", "confusion_matrix", chart, unused, y_true, y_pred)


def plot_roc(y_true: Any = None, y_probas: Any = None, labels: Any = None, **unused: Any) -> None:
    """Log a chart `roc`.

    y_true has one class per row, y_probas one score per row and class.
    """
    _log("plot_roc", "roc", _plot.roc_curve, unused, y_true, y_probas, labels, unused.pop("classes_to_plot", None))


def plot_precision_recall(y_true: Any = None, y_probas: Any = None, labels: Any = None, **unused: Any) -> None:
    """Log a chart `precision_recall`. The arguments are those of plot_roc."""
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
