"""The config of a run: what W&B calls config is the run's params."""

from __future__ import annotations

from collections.abc import Mapping

from ._errors import ConfigError
from ._values import config_of, key_of, param

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, Callable


class _Table(dict):  # type: ignore[type-arg]
    """A table inside a config: a dict whose keys are attributes too, and whose changes are recorded."""

    _owner: Config
    _path: tuple[Any, ...]

    def __init__(self, owner: Config, path: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        super().__init__()
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_path", path)
        for key, value in values.items():
            dict.__setitem__(self, key, owner._wrap((*path, key), value))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the config has no {'.'.join((*self._path, name))}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._owner._change(self._path, {key: value}, False)

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._owner._change(self._path, dict(*args, **kwargs), False)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (plain_dict(self),))


def plain_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in plain dicts."""
    return {k: plain_dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}


class Config(Mapping):  # type: ignore[type-arg]
    """The params of a run, by key and by attribute, also inside tables: `config.model.lr`, `config["model"]["lr"]`.

    A param once set may be set again to the same value. Another value is a ConfigError, unless update() is told
    allow_val_change=True, or init was; then the change is recorded as one that was meant.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None] | None, allow_val_change: bool = False) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_write", write)
        object.__setattr__(self, "_allow", allow_val_change)

    def _wrap(self, path: tuple[Any, ...], value: Any) -> Any:
        return _Table(self, path, value) if isinstance(value, Mapping) else value

    def _load(self, values: Mapping[str, Any]) -> None:
        """Take values that the record holds already."""
        for key, value in values.items():
            self._values[key] = self._wrap((key,), value)

    def _change(self, path: tuple[Any, ...], new: Mapping[str, Any], allow: bool) -> None:
        allow = allow or self._allow
        table = self._values
        for part in path:
            table = table[part]
        fresh: dict[str, Any] = {}
        changed: dict[str, Any] = {}
        todo: list[tuple[Any, ...]] = []
        self._plan(table, path, {key_of(str(k)): param(v) for k, v in new.items()}, allow, fresh, changed, todo)
        for target, at, key, value in todo:
            dict.__setitem__(target, key, self._wrap((*at, key), value))
        if self._write is None:
            return
        if fresh:
            self._write({"p": _nest(path, fresh)})
        if changed:
            self._write({"set": _nest(path, changed)})

    def _plan(self, table: Any, path: tuple[Any, ...], new: Mapping[str, Any], allow: bool, fresh: dict[str, Any], changed: dict[str, Any], todo: list[Any]) -> None:
        for key, value in new.items():
            if key not in table:
                fresh[key] = value
                todo.append((table, path, key, value))
                continue
            old = table[key]
            if isinstance(old, _Table) and isinstance(value, Mapping):
                f: dict[str, Any] = {}
                c: dict[str, Any] = {}
                self._plan(old, (*path, key), value, allow, f, c, todo)
                if f:
                    fresh[key] = f
                if c:
                    changed[key] = c
                continue
            if _same(old, value):
                continue
            if not allow:
                name = ".".join((*path, key))
                raise ConfigError(
                    f"config.{name} is {_short(old)} and cannot become {_short(value)}; "
                    f"use config.update({{{key!r}: …}}, allow_val_change=True) where the change is meant"
                )
            changed[key] = value
            todo.append((table, path, key, value))

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._change((), {key: value}, False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"the config has no {name!r}; it has {', '.join(map(str, list(self._values)[:20])) or 'nothing yet'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(plain_dict(self._values))

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (plain_dict(self._values),))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of key, or default."""
        return self._values.get(key, default)

    def update(self, d: Any = None, allow_val_change: bool = False, **more: Any) -> None:
        """Set the keys of d: a dict, Namespace, dataclass, OmegaConf, absl FLAGS, or a path, as init(config=) takes.

        Raises ConfigError where a set key would change and allow_val_change is False; then nothing is set.
        """
        self._change((), {**config_of(d), **more}, bool(allow_val_change))

    def setdefaults(self, d: Any) -> None:
        """Set the keys of d that are not set."""
        self._change((), {k: v for k, v in config_of(d).items() if key_of(str(k)) not in self._values}, False)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of key, which is set to default where it is not there."""
        self.setdefaults({key: default})
        return self._values[key]

    def as_dict(self) -> dict[str, Any]:
        """A copy in plain dicts."""
        return plain_dict(self._values)


def _nest(path: tuple[Any, ...], values: dict[str, Any]) -> dict[str, Any]:
    for part in reversed(path):
        values = {part: values}
    return values


def _same(a: Any, b: Any) -> bool:
    try:
        if type(a) is bool or type(b) is bool:
            return a is b
        return bool(a == b) or a != a and b != b
    except Exception:
        return False


def _short(value: Any) -> str:
    text = repr(plain_dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 80 else text[:79] + "…"
