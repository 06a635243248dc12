"""What may be logged and configured, made into what a journal holds: numbers, text, lists, tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

MAX_TEXT = 64 << 10  # characters of one value; a journal line is bounded to 16 MiB
MAX_REPR = 1000
MAX_LIST = 32  # longer arrays of numbers become histograms, as in W&B
MAX_ITEMS = 1000  # of a list in a config
MAX_DEPTH = 14
MAX_KEY = 250  # bytes


def key_of(key: str) -> str:
    """The key as a record may hold it: 1 to 250 bytes of UTF-8 without control characters. A changed one is said once."""
    clean = "".join("\ufffd" if (c < " " or "\x7f" <= c <= "\x9f" or c in _FORBIDDEN or "\ud800" <= c <= "\udfff") else c for c in key)
    if len(data := clean.encode()) > MAX_KEY:
        import hashlib

        clean = data[: MAX_KEY - 12].decode("utf-8", "ignore") + "…" + hashlib.sha256(data).hexdigest()[:8]
    if not clean:
        clean = "(empty)"
    if clean != key:
        once(("key", key), f"the key {key[:60]!r} is recorded as {clean[:60]!r}: a key is 1 to 250 bytes without control characters")
    return clean


_FORBIDDEN = "\u2028\u2029\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


def text_of(text: str) -> str:
    """The text as UTF-8 can hold it, cut to MAX_TEXT characters."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def repr_of(value: object) -> str:
    """A repr that never fails, cut to MAX_REPR characters."""
    try:
        text = repr(value)
    except Exception as e:  # a repr may run any code
        text = f"<{type(value).__name__}, whose repr raises {type(e).__name__}>"
    return text_of(text if len(text) <= MAX_REPR else text[:MAX_REPR] + "…")


def number_of(value: Any) -> float | int | None:
    """The number that value is, also a size-1 array, a numpy or torch scalar, a Decimal; None where it is none."""
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
            return float(value)
        except Exception:
            return None
    return None


def is_array(value: Any) -> bool:
    """Whether value is an array or tensor: it has a shape and a list."""
    return hasattr(value, "shape") and hasattr(value, "tolist")


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON holds it: what is no number, text, list or table becomes its repr."""
    if value is None or type(value) in (bool, float):
        return value
    if isinstance(value, str):
        return text_of(str(value))
    number = number_of(value)
    if number is not None:
        return int(value) if isinstance(value, bool) else number if isinstance(number, float) or abs(number) < 1 << 63 else float(number) if abs(number) < 1 << 1000 else repr_of(number)
    if depth > MAX_DEPTH:
        return repr_of(value)
    if isinstance(value, Mapping):
        return {key_of(str(k)): plain(v, depth + 1) for k, v in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = list(value)
        return [plain(v, depth + 1) for v in items[:MAX_ITEMS]] + (["…"] if len(items) > MAX_ITEMS else [])
    if is_array(value):
        try:
            return plain(value.tolist(), depth + 1)
        except Exception:
            return repr_of(value)
    if hasattr(value, "__fspath__"):
        return text_of(str(value))
    if hasattr(value, "isoformat"):
        try:
            return str(value.isoformat())
        except Exception:
            return repr_of(value)
    return repr_of(value)


def config_of(config: Any) -> dict[str, Any]:
    """The dict that a config is given as: a mapping, Namespace, dataclass, attrs, pydantic, OmegaConf, ml_collections, absl
    FLAGS, a named tuple, any object with to_dict() or __dict__, or the path of a JSON or YAML file.

    Raises UsageError for what is none of these, and for a file that cannot be read.
    """
    from ._errors import UsageError

    if config is None:
        return {}
    if isinstance(config, (str, bytes)) or hasattr(config, "__fspath__"):
        return _file(config)
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf is not None and omegaconf.OmegaConf.is_config(config):
        try:
            config = omegaconf.OmegaConf.to_container(config, resolve=True)
        except Exception:  # an interpolation that does not resolve: as it is written
            config = omegaconf.OmegaConf.to_container(config, resolve=False)
    if isinstance(config, Mapping):
        return dict(config)
    for method in ("flag_values_dict", "model_dump", "to_dict", "_asdict", "as_dict"):
        f = getattr(config, method, None)
        if callable(f) and not isinstance(config, type):
            try:
                got = f()
            except Exception:
                continue
            if isinstance(got, Mapping):
                return dict(got)
    for names in (getattr(config, "__dataclass_fields__", None), [a.name for a in getattr(config, "__attrs_attrs__", ())] or None):
        if names:
            return {n: getattr(config, n) for n in names if hasattr(config, n)}
    if hasattr(config, "__dict__"):
        return {k: v for k, v in vars(config).items() if not k.startswith("__") and not callable(v)}
    raise UsageError(f"config is a {type(config).__name__}; give a dict, a Namespace, a dataclass, or the path of a JSON or YAML file")


def _file(path: Any) -> dict[str, Any]:
    import os

    from ._errors import UsageError

    path = os.fspath(path)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read(8 << 20)
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"config is the text {path[:200]!r}, and no such file can be read ({e}); give a dict, or the path of a JSON or YAML file") from None
    import json

    try:
        got = json.loads(text)
    except ValueError:
        try:
            import yaml
        except ImportError:
            raise UsageError(f"config file {path} is not JSON; for YAML, 'pip install pyyaml'") from None
        try:
            got = yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise UsageError(f"config file {path}: {str(e).splitlines()[0]}") from None
    if not isinstance(got, dict):
        raise UsageError(f"config file {path} holds no table of keys and values")
    got.pop("wandb_version", None)
    # W&B's own files wrap each value with a description.
    return {str(k): v["value"] if isinstance(v, dict) and "value" in v and set(v) <= {"value", "desc"} else v for k, v in got.items()}


def param(value: Any, depth: int = 0) -> Any:
    """A config value as params hold it: as `plain`, but without null inside a list, and nested configs as tables."""
    if value is None or type(value) in (bool, float, str):
        return text_of(value) if type(value) is str else value
    if isinstance(value, bool):
        return bool(value)
    kind = type(value)
    if isinstance(value, str):
        inner: Any = getattr(value, "value", None) if hasattr(kind, "__members__") else None
        return text_of(inner if isinstance(inner, str) else str(value))
    if depth > MAX_DEPTH:
        return repr_of(value)
    number = number_of(value)
    if number is not None:
        if str(getattr(value, "dtype", "")) == "bool":
            return bool(number)
        return number if isinstance(number, float) or -(1 << 63) <= number < 1 << 63 else str(number)
    if isinstance(value, Mapping):
        return {key_of(str(k)): param(v, depth + 1) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return param(value._asdict(), depth + 1)
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else list(value)
        out = ["None" if v is None else param(v, depth + 1) for v in items[:MAX_ITEMS]]
        return out + ["…"] if len(items) > MAX_ITEMS else out
    if isinstance(value, type) or callable(value) and hasattr(value, "__qualname__"):
        return text_of(f"{value.__module__}.{value.__qualname__}")
    if hasattr(kind, "__members__"):  # an enum
        inner = getattr(value, "value", None)
        return param(inner, depth + 1) if isinstance(inner, (str, int, float)) else str(value)
    if is_array(value):
        return plain(value, depth)
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
            return param(list(value), depth + 1)
        return {key_of(str(k)): param(v, depth + 1) for k, v in config_of(value).items()}
    if hasattr(value, "__fspath__"):
        return text_of(str(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    text = str(value) if kind.__str__ is not object.__str__ else repr_of(value)  # type: ignore[comparison-overlap]
    return text_of(text[:MAX_REPR])
