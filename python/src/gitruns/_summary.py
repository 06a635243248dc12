"""The summary of a run: the last value of each metric, and what the caller sets beside them."""

from __future__ import annotations

from collections.abc import Mapping

from ._bounds import MAX_PARAMS, MAX_SUMMARY, named, nodes
from ._say import once
from ._values import key_of, long_text, plain, repr_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class _Part(dict):  # type: ignore[type-arg]
    """A table inside a summary, with its keys as attributes."""

    _set: Any

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None


class Summary(Mapping):  # type: ignore[type-arg]
    """What a run says of itself in one value a key, by key and by attribute.

    A metric that is not set here is its last value; with define_metric(summary="min") a table {"min": …}. What is set is
    kept in the record's [summary], a table as dotted keys; the last value wins.
    """

    def __init__(self, run: Any) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_own", {})
        object.__setattr__(self, "_count", 0)
        object.__setattr__(self, "_held", {})  # how many values each key has in the record

    def _all(self) -> dict[str, Any]:
        run = self._run
        out = dict(run._last)
        for key, stats in run._tracked.items():
            if stats:
                out[key] = _part(stats)
        out.update(self._own)
        return out

    def __getitem__(self, key: str) -> Any:
        if key in self._own:
            return self._own[key]
        stats = self._run._tracked.get(key)
        if stats:
            return _part(stats)
        return self._run._last[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delitem__(self, key: str) -> None:
        self.update({key: None})
        del self._own[key]

    def __iter__(self) -> Any:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def get(self, key: str, default: Any = None) -> Any:
        """The value of key, or default."""
        try:
            return self[key]
        except KeyError:
            return default

    def update(self, d: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Set the keys of d. Media are kept as artifacts of the run under their key."""
        values: dict[str, Any] = {}
        if d is not None and not isinstance(d, Mapping):
            raise TypeError(f"summary.update: d is a dict of values by key, not {type(d).__name__}")
        for key, value in {**(d or {}), **more}.items():
            if not isinstance(key, str):
                raise TypeError(f"summary: a key is text, not {type(key).__name__} ({repr_of(key)})")
            key = key_of(key)
            if getattr(type(value), "_gitruns_media", False):
                self._run.log({key: value}, commit=False)
                continue
            self._own[key] = _Part(value) if isinstance(value, Mapping) else value
            held = long_text(value, f"summary.{key}") if type(value) is str else plain(value)
            if _has_none(held):
                once(("null", key), f"summary.{key}: a record has no None inside a list; it reads 'null' there")
            _flatten(key, held, values)
        if over := [key for key, value in values.items() if not self._room_for(key, value)]:
            for key in over:
                del values[key]
            self._run._lose(len(over))
            once(
                ("summary", self._run.run_id),
                f"NOT RECORDED: summary.{named(over)}: a summary has at most {MAX_SUMMARY:,} keys and 10,000 values; what is lost is counted",
            )
        if values:
            self._run._write({"summary": values})

    def _room_for(self, key: str, value: Any) -> bool:
        """Whether the record has room for a value, which then takes it."""
        held, count = self._held, nodes(value)
        if key not in held and len(held) >= MAX_SUMMARY or self._count + count - held.get(key, 0) > MAX_PARAMS:
            return False
        object.__setattr__(self, "_count", self._count + count - held.get(key, 0))
        held[key] = count
        return True

    def dict(self) -> dict[str, Any]:
        """A copy as a plain dict."""
        return self._all()

    _as_dict = dict


def _part(stats: dict[str, Any]) -> _Part:
    return _Part({k: v for k, v in stats.items() if not k.startswith("_")})


def _has_none(value: Any) -> bool:
    """Whether a list in a value holds None."""
    if isinstance(value, dict):
        return any(_has_none(v) for v in value.values())
    return isinstance(value, list) and any(v is None or _has_none(v) for v in value)


def _flatten(key: str, value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, dict) and "_type" not in value:
        for k, v in value.items():
            _flatten(key_of(key + "." + k), v, into)
    else:
        into[key] = value
