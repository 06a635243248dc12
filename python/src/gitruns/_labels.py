"""Labels of points: the context of a row of metrics, such as {"dataset": "val"}.

The bounds and the canonical text are those of the format (SPEC, sections 2.2 and 4.2): change both together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

MAX_SETS = 10_000  # different labels of a run
_MOST = 16
_QUOTE = '"'
_BYTES = 1000  # of the labels of a point, as canonical JSON


def canonical(labels: Any) -> str:
    """Return labels as canonical JSON. Without labels, it is "".

    Raises TypeError if they are not a mapping of names to texts and numbers, and ValueError if they are too long.
    """
    if labels is None:
        return ""
    if not isinstance(labels, Mapping):
        raise TypeError(f"labels must be a dict, got {type(labels).__name__}")
    parts = []
    for key, value in sorted(dict(labels).items(), key=lambda item: str(item[0])):
        if not isinstance(key, str) or not key or len(key.encode("utf-8", "replace")) > 250 or any(map(_hidden, key)):
            raise TypeError(f"the name of a label must be a text of at most 250 bytes, got {key!r}")
        parts.append(_quoted(key) + ":" + _value(key, value))
    text = "{" + ",".join(parts) + "}"
    if len(parts) > _MOST or len(text.encode()) > _BYTES:
        raise ValueError(f"a row may have at most {_MOST} labels, and {_BYTES} bytes of them as JSON")
    return text if parts else ""


def arguments(labels: Any) -> list[str]:
    """Return labels as flags of `runs metrics`. Raises what canonical raises."""
    if not canonical(labels):
        return []
    out = []
    for key, value in labels.items():
        out += ["--label", f"{key}={value if isinstance(value, str) else _value(key, value).strip(_QUOTE)}"]
    return out


def _value(key: str, value: Any) -> str:
    item = getattr(value, "item", None)
    if item is not None and not isinstance(value, (str, int, float)):
        value = item()  # a number of NumPy
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value) if -(1 << 63) <= value < 1 << 63 else _quoted(int.__repr__(value))
    if isinstance(value, float):
        if math.isfinite(value):
            return float.__repr__(value)
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    raise TypeError(f"the label {key!r} must be a text or a number, got {type(value).__name__}")


def _quoted(text: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    out = [named.get(c) or (f"\\u{ord(c):04X}" if _hidden(c) else c) for c in text]
    return '"' + "".join(out).encode("utf-16", "surrogatepass").decode("utf-16", "replace") + '"'


def _hidden(character: str) -> bool:
    """Report whether a character is invisible or changes the direction of text."""
    c = ord(character)
    return (
        c < 0x20
        or 0x7F <= c <= 0x9F
        or c in (0x61C, 0x200E, 0x200F, 0xFEFF)
        or 0x2028 <= c <= 0x202E
        or 0x2066 <= c <= 0x2069
    )
