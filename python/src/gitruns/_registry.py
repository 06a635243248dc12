"""Registers gitruns in transformers (report_to="gitruns") and accelerate (log_with="gitruns").

Both libraries look the name up in a dict of one of their modules. If that module is already loaded, `import gitruns`
adds the entry. Otherwise a finder at the head of sys.meta_path waits for the module. It costs one dict lookup per
import and removes itself when nothing is left to wait for. It leaves it to the other finders to find the module.

Loaded by `import gitruns`: it may import nothing at module level but sys. To support one more library, extend
`_waiting` and `_REGISTRIES`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

# The module with the library's dict, and the integration that registers there. transformers before 4.33 had one file.
_waiting = {
    "transformers.integrations.integration_utils": "transformers",
    "transformers.integrations": "transformers",
    "accelerate.tracking": "accelerate",
}
_REGISTRIES = {"transformers": "INTEGRATION_TO_CALLBACK", "accelerate": "LOGGER_TYPE_TO_CLASS"}
_finding: set[Any] = set()


class _Finder:
    """The entry of sys.meta_path that waits for the modules."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that another finder has for an awaited module, or None."""
        if name not in _waiting or name in _finding:
            return None
        _finding.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                if finder is self or find is None:
                    continue
                spec = find(name, path, target)
                if spec is not None:
                    _register_after_import(spec, name)
                    return spec
        finally:
            _finding.discard(name)
        return None


def _register_after_import(spec: Any, name: str) -> None:
    """Make the loader register gitruns after it has executed the module."""
    loader = spec.loader
    if loader is None or isinstance(loader, type) or not hasattr(loader, "exec_module"):
        return
    execute = loader.exec_module

    def exec_module(module: Any) -> None:
        loader.__dict__.pop("exec_module", None)
        execute(module)
        _register(name, vars(module))

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader with slots
        pass


def _register(name: str, names: dict[str, Any]) -> None:
    """Add the integration to the library's dict.

    An error only causes a warning, because it must not break the import of the library.
    """
    library = _waiting.get(name)
    if library is None or _REGISTRIES[library] not in names:
        return
    for waited in [n for n, other in _waiting.items() if other == library]:
        del _waiting[waited]
    if not _waiting:
        sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _Finder)]
    try:
        from importlib import import_module

        register = getattr(import_module(f".integrations.{library}", __package__), "register", None)
        if register is not None:  # an integration that is just being imported registers itself at its end
            register()
    except Exception as e:
        from ._messages import warn_once

        warn_once(
            ("registry", library),
            f'the name "gitruns" was not registered in {library} ({type(e).__name__}: {e}); '
            "pass the callback or tracker object instead",
        )


def install() -> None:
    """Register in the libraries that are loaded, and wait for the others."""
    for name in list(_waiting):
        module = sys.modules.get(name)
        if module is not None:
            _register(name, vars(module))
    if _waiting and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
