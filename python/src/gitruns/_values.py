"""Values: turns what a program logs or configures into what a journal can hold: numbers, text, lists and tables.

`plain` does so for logged values, `param` for params, `config_of` for the forms of a config. Nothing here raises an
error because of a value's content. Libraries that the program has not imported are never imported.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

MAX_TEXT = 64 << 10  # bytes of one text
MAX_REPR = 1000
MAX_LIST = 32  # longer arrays of numbers become histograms, as in W&B
MAX_ITEMS = 1000  # items of a list in a config
MAX_DEPTH = 14
MAX_NODES = 100_000  # values inside one value, at any depth
MAX_KEY = 250  # bytes


def key_of(key: str) -> str:
    """Return a key in the form that a record can hold.

    That is 1 to 250 bytes of UTF-8 without control characters. Warns once if the key has to change.
    """
    clean = "".join("\ufffd" if _hidden(c) else c for c in key)
    if len(data := clean.encode()) > MAX_KEY:
        import hashlib

        clean = data[: MAX_KEY - 12].decode("utf-8", "ignore") + "…" + hashlib.sha256(data).hexdigest()[:8]
    if not clean:
        clean = "(empty)"
    if clean != key:
        warn_once(
            ("key", key),
            f"the key {key[:60]!r} was recorded as {clean[:60]!r}: "
            "a key must have 1 to 250 bytes and no control characters",
        )
    return clean


_FORBIDDEN = "\u2028\u2029\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


def is_control(c: str) -> bool:
    """Report whether a character is a control character.

    Characters that change the direction or the lines of a text count as well.
    """
    return c < " " or "\x7f" <= c <= "\x9f" or c in _FORBIDDEN


def _hidden(c: str) -> bool:
    return is_control(c) or "\ud800" <= c <= "\udfff"


def text_of(text: str, limit: int = MAX_TEXT) -> str:
    """Return the text in valid UTF-8, cut to limit bytes. A cut text ends with "…"."""
    if text.isascii():
        return text if len(text) <= limit else text[: limit - 3] + "…"
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= limit else data[: limit - 3].decode("utf-8", "ignore") + "…"


def long_text(text: str, what: str) -> str:
    """Return the text as text_of does, with a warning if it is cut.

    what describes the text in the warning.
    """
    cut = text_of(text)
    if cut.endswith("…") and cut != text:
        warn_once(("text", what), f"{what} was cut to 64 KiB; run.save() keeps a file of any size")
    return cut


def label_of(text: str, what: str) -> str:
    """Return a name as one line of at most 250 bytes without control characters.

    Warns once if the name has to change. what says whose name it is.
    """
    clean = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else " " if _hidden(c) else c for c in text).strip()
    clean = text_of(clean, MAX_KEY)
    if clean != text:
        warn_once(
            ("label", what, text),
            f"the {what} was recorded as {clean[:60]!r}: it must be one line of at most 250 bytes",
        )
    return clean


def repr_of(value: object) -> str:
    """Return a repr of at most MAX_REPR characters.

    It never fails and never takes long.
    """
    try:
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            from reprlib import repr as short  # repr takes exponential time if a value contains itself several times

            text = short(value)
        elif type(value) is int and abs(value) >= 1 << 4096:
            text = hex(value)
        else:
            text = repr(value)
    except Exception as e:  # a repr may run any code
        text = f"<{type(value).__name__}, whose repr raises {type(e).__name__}>"
    return text_of(text if len(text) <= MAX_REPR else text[:MAX_REPR] + "…")


def number_of(value: Any) -> float | int | None:
    """Return value as a number, or None if it is not one.

    An array with one element, a numpy or torch scalar and a Decimal are numbers too.
    """
    kind = type(value)
    if kind is float or kind is int:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return int(value)
    if isinstance(value, (float, int)):
        return float(value) if isinstance(value, float) else int(value)
    if isinstance(value, (str, bytes, bytearray, Mapping, list, tuple, set, frozenset)) or value is None:
        return None
    item = getattr(value, "item", None)
    if item is not None and callable(item):
        size = getattr(value, "size", None)
        numel = getattr(value, "numel", None)
        try:
            count = numel() if callable(numel) else size() if callable(size) else size if size is not None else 1
        except Exception:
            count = 1
        if count != 1:
            return None
        try:
            value = item()
        except Exception:
            return None
        if isinstance(value, bool):
            return int(value)
        return value if isinstance(value, (int, float)) else None
    if hasattr(type(value), "__float__") or hasattr(type(value), "__index__"):
        try:
            number = float(value)
        except Exception:
            return None
        # A Decimal may be too large for a float without being infinite.
        return None if number in (math.inf, -math.inf) and value != number else number
    return None


def is_array(value: Any) -> bool:
    """Report whether value is an array or tensor: it has `shape` and `tolist`."""
    return hasattr(value, "shape") and hasattr(value, "tolist")


def plain(value: Any) -> Any:
    """Return a value in the form that JSON can hold.

    Anything but numbers, text, lists and tables becomes its repr, and so does an object that raises an error when it is
    read. A value that contains itself is cut there. Parts beyond the first MAX_NODES are left out.
    """
    return _Plain().part(value, 0)


def param(value: Any) -> Any:
    """Return a config value in the form of a param.

    It is as in `plain`, but nested configs are tables.
    """
    return _Param().part(value, 0)


def params_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as params by key."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        out[_own_key(key, out)] = param(value)
    return out


def _own_key(key: Any, table: Mapping[str, Any]) -> str:
    """Return a key as key_of does, but different from the other keys of the table.

    Keys such as 1 and "1" would become the same text. The second one gets the name of its type.
    """
    text = name = key_of(_text(key))
    count = 1
    while name in table:
        kind = type(key).__name__ if count == 1 else f"{type(key).__name__} {count}"
        name = key_of(f"{text[:200]} ({kind})")
        count += 1
    if name != text:
        warn_once(("twice", text), f"two keys are the text {text[:60]!r}; the second was recorded as {name[:80]!r}")
    return name


def _text(key: Any) -> str:
    try:
        return str(key)
    except Exception:
        return repr_of(key)


class _Plain:
    """The conversion of one value."""

    def __init__(self) -> None:
        self._path: set[int] = set()  # the ids of the values around the current part
        self._left = MAX_NODES

    def part(self, value: Any, depth: int) -> Any:
        """Convert one part. Never raises, whatever its object does."""
        if value is None or type(value) in (bool, float):
            return value
        self._left -= 1
        if self._left < 0:
            warn_once("nodes", f"a value has more than {MAX_NODES:,} parts; the others were left out")
            return "…"
        if id(value) in self._path:
            warn_once("cycle", "a value contains itself; it was cut there")
            return "…"
        self._path.add(id(value))
        try:
            return self._of(value, depth)
        except Exception as e:
            kind = type(value).__name__
            warn_once(
                ("part", kind, type(e)),
                f"a {kind} was recorded as its repr: reading it raised {type(e).__name__}: {repr_of(e)[:100]}",
            )
            return repr_of(value)
        finally:
            self._path.discard(id(value))

    def _items(self, values: list[Any], depth: int) -> list[Any]:
        out = []
        for value in values[:MAX_ITEMS]:
            if self._left < 0:
                break
            kind = type(value)
            usual = kind is float or kind is int and -(1 << 63) <= value < 1 << 63
            out.append(value if usual else self.part(value, depth + 1))
        return out if len(out) == len(values) else [*out, "…"]

    def _table(self, values: Mapping[Any, Any], depth: int, most: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in values.items():
            if self._left < 0 or len(out) >= most:
                break
            out[_own_key(key, out)] = self.part(value, depth + 1)
        return out

    def _of(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return long_text(str(value), "a text in a value")
        number = number_of(value)
        if number is not None:
            if isinstance(value, bool) or isinstance(number, float) or abs(number) < 1 << 63:
                return number
            return float(number) if abs(number) < 1 << 1000 else repr_of(number)
        if depth > MAX_DEPTH:
            return _too_deep(value)
        if isinstance(value, Mapping):
            return self._table(value, depth, MAX_ITEMS)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(list(value), depth)
        if is_array(value):
            return self.part(value.tolist(), depth + 1)
        if hasattr(value, "__fspath__"):
            return text_of(str(value))
        if hasattr(value, "isoformat"):
            return str(value.isoformat())
        return str(value) if type(value).__name__ == "Decimal" else repr_of(value)


def _too_deep(value: Any) -> str:
    if value is None:
        return "None"
    warn_once("deep", f"a value has more than {MAX_DEPTH} levels; it was cut there")
    return "…"


class _Param(_Plain):
    """The conversion of one value of a config."""

    def _of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if isinstance(value, str):
            inner: Any = getattr(value, "value", None) if hasattr(kind, "__members__") else None
            return long_text(inner if isinstance(inner, str) else str(value), "a text of the config")
        if depth > MAX_DEPTH and number_of(value) is None:
            return _too_deep(value)
        number = number_of(value)
        if number is not None:
            if str(getattr(value, "dtype", "")) == "bool":
                return bool(number)
            if isinstance(number, float) or -(1 << 63) <= number < 1 << 63:
                return number
            return str(number) if abs(number) < 1 << 4096 else repr_of(number)
        if isinstance(value, Mapping):
            return self._table(value, depth, MAX_NODES)
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self.part(value._asdict(), depth + 1)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else list(value)
            return self._items(items, depth)
        if isinstance(value, type) or callable(value) and hasattr(value, "__qualname__"):
            return text_of(f"{value.__module__}.{value.__qualname__}")
        if hasattr(kind, "__members__"):  # an enum
            inner = getattr(value, "value", None)
            return self.part(inner, depth + 1) if isinstance(inner, (str, int, float)) else str(value)
        if is_array(value):
            return super()._of(value, depth)
        omegaconf = sys.modules.get("omegaconf")
        nested = (
            hasattr(value, "__dataclass_fields__")
            or hasattr(value, "__attrs_attrs__")
            or callable(getattr(value, "model_dump", None))
            or kind.__name__ == "Namespace"
            or kind.__name__ == "SimpleNamespace"
            or omegaconf is not None
            and omegaconf.OmegaConf.is_config(value)
            or kind.__module__.startswith("ml_collections")
        )
        if nested:
            if omegaconf is not None and omegaconf.OmegaConf.is_list(value):
                return self.part(list(value), depth + 1)
            return self._table(config_of(value), depth, MAX_NODES)
        if hasattr(value, "__fspath__"):
            return text_of(str(value))
        if hasattr(value, "isoformat"):
            return str(value.isoformat())
        text = str(value) if kind.__str__ is not object.__str__ else repr_of(value)  # type: ignore[comparison-overlap]
        return text_of(text[:MAX_REPR])


def config_of(config: Any) -> dict[str, Any]:
    """Return a config as a dict.

    A config is a mapping, Namespace, dataclass, attrs or pydantic object, OmegaConf, ml_collections, absl FLAGS, a
    named tuple, any object with to_dict() or __dict__, or the path of a JSON or YAML file. Raises UsageError for
    anything else, and for a file that cannot be read.
    """
    from ._errors import UsageError

    if config is None:
        return {}
    if isinstance(config, (str, bytes)) or hasattr(type(config), "__fspath__"):
        return _file(config)
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf is not None and omegaconf.OmegaConf.is_config(config):
        try:
            config = omegaconf.OmegaConf.to_container(config, resolve=True)
        except Exception:  # an interpolation that does not resolve is recorded as it is written
            config = omegaconf.OmegaConf.to_container(config, resolve=False)
    if isinstance(config, Mapping):
        return dict(config)
    for method in ("flag_values_dict", "model_dump", "to_dict", "_asdict", "as_dict"):
        f = _attribute(config, method, None)
        if callable(f) and not isinstance(config, type):
            try:
                got = f()
            except Exception:
                continue
            if isinstance(got, Mapping):
                return dict(got)
    for names in (
        _attribute(config, "__dataclass_fields__", None),
        [a.name for a in _attribute(config, "__attrs_attrs__", ())] or None,
    ):
        if names:
            values = {n: _attribute(config, n, _MISSING) for n in names}
            return {n: v for n, v in values.items() if v is not _MISSING}
    if _attribute(config, "__dict__", None) is not None:
        return {k: v for k, v in vars(config).items() if not str(k).startswith("__") and not callable(v)}
    raise UsageError(
        "config must be a dict, a Namespace, a dataclass or the path of a JSON or YAML file, "
        f"got {type(config).__name__}"
    )


_MISSING = object()


def _attribute(value: Any, name: str, default: Any) -> Any:
    """Return an attribute, or default if there is none or if reading it fails."""
    try:
        return getattr(value, name)
    except Exception:
        return default


def _file(path: Any) -> dict[str, Any]:
    import os

    from ._errors import UsageError

    path = os.fspath(path)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read(8 << 20)
    except (OSError, ValueError) as e:
        raise UsageError(
            f"reading config file {path[:200]!r}: {getattr(e, 'strerror', None) or e}; "
            "give a dict, or the path of a JSON or YAML file"
        ) from None
    import json

    try:
        got = json.loads(text)
    except ValueError:
        try:
            import yaml
        except ImportError:
            raise UsageError(f"config file {path} is not JSON; to read YAML, run 'pip install pyyaml'") from None
        try:
            got = yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise UsageError(f"reading config file {path}: {str(e).splitlines()[0]}") from None
    if not isinstance(got, dict):
        raise UsageError(f"config file {path} must contain a mapping, got {type(got).__name__}")
    got.pop("wandb_version", None)
    # In W&B's own files each value has a description beside it.
    return {
        str(k): v["value"] if isinstance(v, dict) and "value" in v and set(v) <= {"value", "desc"} else v
        for k, v in got.items()
    }


def tags_of(tags: Any) -> dict[str, Any]:
    """Return tags as text by name. Those of a list have the text "yes".

    Raises TypeError if tags is not a list of strings or a dict.
    """
    if isinstance(tags, Mapping):
        return {key_of(str(k)): long_text(str(v), f"the tag {str(k)[:60]}") for k, v in tags.items()}
    try:
        return {key_of(str(t)): "yes" for t in ([tags] if isinstance(tags, str) else tags or ())}
    except TypeError:
        raise TypeError(f"init: tags must be a list of strings, got {type(tags).__name__}") from None
