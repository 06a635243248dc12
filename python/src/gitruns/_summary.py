"""Summary: one value per key for the whole run. It has the last value of each metric, and values that are set."""

from __future__ import annotations

from collections.abc import Mapping

from ._bounds import MAX_PARAMS, MAX_SUMMARY, named, nodes, not_recorded
from ._messages import warn_once
from ._values import key_of, long_text, plain, repr_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class Part(dict):  # type: ignore[type-arg]
    """A table in a summary, with its keys as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None


class Summary(Mapping):  # type: ignore[type-arg]
    """The results of a run, by key and by attribute.

    A metric has its last value, or a table such as {"min": …} after define_metric(summary="min"), unless a value was
    set for it. Values that are set go to [summary] of the record, tables as dotted keys. The last value wins.
    """

    def __init__(self, run: Any) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_own", {})
        object.__setattr__(self, "_count", 0)
        object.__setattr__(self, "_held", {})  # the number of values of each key in the record

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
        """Return the value of key, or default."""
        try:
            return self[key]
        except KeyError:
            return default

    def update(self, d: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Set the values of d. Media become artifacts of the run.

        Raises TypeError if d is not a mapping, or a key is not a string.
        """
        values: dict[str, Any] = {}
        if d is not None and not isinstance(d, Mapping):
            raise TypeError(f"summary.update: d must be a dict, got {type(d).__name__}")
        for key, value in {**(d or {}), **more}.items():
            if not isinstance(key, str):
                raise TypeError(f"summary: a key must be a string, got {type(key).__name__} ({repr_of(key)})")
            key = key_of(key)
            if getattr(type(value), "_gitruns_media", False):
                self._run.log({key: value}, commit=False)
                continue
            self._own[key] = Part(value) if isinstance(value, Mapping) else value
            held = long_text(value, f"summary.{key}") if type(value) is str else plain(value)
            if _has_none(held):
                warn_once(("null", key), f"summary.{key} has None in a list; it was recorded as the text 'null'")
            twice = _flatten(key, held, values)
            if twice:
                self._run._lose(len(twice))
                warn_once(
                    ("twice", *twice),
                    f"summary.{named(twice)} was given twice, nested and with dots; only the last value was recorded "
                    "(counted in the tag lost_rows)",
                )
        if over := [key for key, value in values.items() if not self._room_for(key, value)]:
            for key in over:
                del values[key]
            self._run._lose(len(over))
            warn_once(
                ("summary", self._run.run_id),
                "summary." + not_recorded(over, f"a summary has at most {MAX_SUMMARY:,} keys and 10,000 values"),
            )
        if values:
            self._run._write({"summary": values})

    def _room_for(self, key: str, value: Any) -> bool:
        """Reserve room in the record for a value. Reports whether there is enough."""
        held, count = self._held, nodes(value)
        if key not in held and len(held) >= MAX_SUMMARY or self._count + count - held.get(key, 0) > MAX_PARAMS:
            return False
        object.__setattr__(self, "_count", self._count + count - held.get(key, 0))
        held[key] = count
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return (_summary_of, (self._run,))

    def dict(self) -> dict[str, Any]:
        """Return a copy as a plain dict."""
        return self._all()

    _as_dict = dict


def _summary_of(run: Any) -> Any:
    """Return the summary of a run that came by pickle."""
    return run.summary


def _part(stats: dict[str, Any]) -> Part:
    return Part({k: v for k, v in stats.items() if not k.startswith("_")})


def _has_none(value: Any) -> bool:
    """Report whether a list in value contains None."""
    if isinstance(value, dict):
        return any(_has_none(v) for v in value.values())
    return isinstance(value, list) and any(v is None or _has_none(v) for v in value)


def _flatten(key: str, value: Any, into: dict[str, Any]) -> list[str]:
    """Add a value under its dotted keys. Returns the keys that had one already."""
    if isinstance(value, dict) and "_type" not in value:
        return [twice for k, v in value.items() for twice in _flatten(key_of(key + "." + k), v, into)]
    twice = [key] if key in into and into[key] != value else []
    into[key] = value
    return twice
