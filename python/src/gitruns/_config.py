"""Config: the params of a run. `config` is W&B's name for them, and only the Python API uses it.

What a value becomes is decided in _values; how much of it a record can hold, in _bounds.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._bounds import MAX_PARAMS, nodes, not_recorded, within
from ._errors import ConfigError
from ._messages import warn
from ._values import config_of, key_of, params_of, repr_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Sequence
    from typing import Any, Callable


class _Table(dict):  # type: ignore[type-arg]
    """A table in a config.

    Its keys are also attributes, and its changes are recorded.
    """

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
    """Return a copy in plain dicts."""
    return {k: plain_dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}


class Config(Mapping):  # type: ignore[type-arg]
    """The params of a run, by key and by attribute.

    `config["model"]["lr"]` and `config.model.lr` are the same. A param can be set again to the same value. Another
    value raises ConfigError, unless update() or init() got allow_val_change=True. Then the change is recorded as
    intended.
    """

    def __init__(
        self,
        write: Callable[[dict[str, Any]], None] | None,
        allow_val_change: bool = False,
        lost: Callable[[int], None] | None = None,
    ) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_write", write)
        object.__setattr__(self, "_allow", allow_val_change)
        object.__setattr__(self, "_lost", lost)
        object.__setattr__(self, "_room", MAX_PARAMS)

    def _wrap(self, path: tuple[Any, ...], value: Any) -> Any:
        return _Table(self, path, value) if isinstance(value, Mapping) else value

    def _load(self, values: Mapping[str, Any], recorded: bool = True) -> None:
        """Set values without writing them.

        The record has them already, or has no room for them.
        """
        for key, value in values.items():
            self._values[key] = self._wrap((key,), value)
        if recorded:
            object.__setattr__(self, "_room", self._room - sum(map(nodes, values.values())))

    def _fitting(self, fresh: dict[str, Any]) -> dict[str, Any]:
        """Return the new params that the record has room for.

        The others stay in memory and are reported.
        """
        over: list[str] = []
        kept, room = within(fresh, self._room, over)
        object.__setattr__(self, "_room", room)
        if over:
            self._warn_lost(over)
        return kept

    def _warn_lost(self, keys: list[str]) -> None:
        warn("config." + not_recorded(keys, "a run holds at most 10,000 config values"))
        if self._lost is not None:
            self._lost(len(keys))

    def _change(
        self,
        path: tuple[Any, ...],
        new: Mapping[str, Any],
        allow: bool,
        conflicts: dict[tuple[str, ...], Any] | None = None,
    ) -> None:
        """Set values of the table at path.

        Raises ConfigError if a value would change that must not. If conflicts is given, the old value stays instead,
        and both values are added to conflicts under the path.
        """
        allow = allow or self._allow
        table = self._values
        for part in path:
            table = table[part]
        fresh: dict[str, Any] = {}
        changed: dict[str, Any] = {}
        todo: list[tuple[Any, ...]] = []
        self._plan(table, path, params_of(new), allow, fresh, changed, todo, conflicts)
        for target, at, key, value in todo:
            dict.__setitem__(target, key, self._wrap((*at, key), value))
        if self._write is None:
            return
        if fresh:
            if fresh := self._fitting(fresh):
                self._write({"p": nest(path, fresh)})
        if changed:
            self._write({"set": nest(path, changed)})

    def _plan(
        self,
        table: Any,
        path: tuple[Any, ...],
        new: Mapping[str, Any],
        allow: bool,
        fresh: dict[str, Any],
        changed: dict[str, Any],
        todo: list[Any],
        conflicts: dict[tuple[str, ...], Any] | None,
    ) -> None:
        """Sort new values into fresh, changed, conflicts and todo, the values to set."""
        for key, value in new.items():
            if key not in table:
                fresh[key] = value
                todo.append((table, path, key, value))
                continue
            old = table[key]
            if isinstance(old, _Table) and isinstance(value, Mapping) and (value or not allow or not old):
                f: dict[str, Any] = {}
                c: dict[str, Any] = {}
                self._plan(old, (*path, key), value, allow, f, c, todo, conflicts)
                if f:
                    fresh[key] = f
                if c:
                    changed[key] = c
                continue
            if _same(old, value):
                continue
            if not allow:
                whole = (*path, key)
                if conflicts is not None:
                    conflicts[whole] = (old, value)
                    continue
                name = ".".join(whole)
                raise ConfigError(
                    f"config.{name} is {_short(old)} and cannot become {_short(value)}; "
                    f"use config.update({{{key!r}: …}}, allow_val_change=True) to change it"
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
            known = ", ".join(map(str, list(self._values)[:20])) or "no keys yet"
            raise AttributeError(f"the config has no {name!r}; it has {known}") from None

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
        """Return the value of key, or default."""
        return self._values.get(key, default)

    def update(self, d: Any = None, allow_val_change: bool = False, **more: Any) -> None:
        """Set params.

        Args:
            d: A dict, Namespace, dataclass, OmegaConf, absl FLAGS or similar object, or the path of a JSON or YAML
                file.
            allow_val_change: Allow params that are set to change.
            **more: Further params.

        Raises:
            ConfigError: A param that is set would change, and allow_val_change is False. Then nothing is set.
        """
        self._change((), {**config_of(d), **more}, bool(allow_val_change))

    def _merge(self, values: Mapping[str, Any], allow_val_change: bool) -> dict[tuple[str, ...], tuple[Any, Any]]:
        """Set values, but keep params that already have another value.

        With allow_val_change they change. Returns the old and the new value of each kept param, by its path.
        """
        conflicts: dict[tuple[str, ...], tuple[Any, Any]] = {}
        self._change((), values, allow_val_change, conflicts)
        return conflicts

    def _differing(self, values: Mapping[str, Any]) -> list[str]:
        """Return the dotted keys of values that the config has with another value."""
        conflicts: dict[tuple[str, ...], Any] = {}
        self._plan(self._values, (), params_of(values), bool(self._allow), {}, {}, [], conflicts)
        return [".".join(path) for path in conflicts]

    def setdefaults(self, d: Any) -> None:
        """Set the params of d that are not set yet."""
        self._change((), {k: v for k, v in config_of(d).items() if key_of(str(k)) not in self._values}, False)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of key. If there is none, set it to default first."""
        self.setdefaults({key: default})
        return self._values[key]

    def as_dict(self) -> dict[str, Any]:
        """Return a copy in plain dicts."""
        return plain_dict(self._values)


def nest(path: Sequence[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return values as a table at path."""
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
    text = repr_of(plain_dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 80 else text[:79] + "…"
