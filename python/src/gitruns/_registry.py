"""Makes report_to="gitruns" of transformers and log_with="gitruns" of accelerate known, at no cost to who uses neither.

Both libraries look the word up in a dict of one of their modules. Where that module is loaded already, the entry is made
at `import gitruns`; else a finder at the head of sys.meta_path waits for it: for any other module it costs one look into a
dict, and it leaves when nothing is left to wait for. It finds nothing by itself, the other finders do.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

# The module with the library's dict, and the integration that enters itself there. transformers before 4.33 had one file.
_waiting = {
    "transformers.integrations.integration_utils": "transformers",
    "transformers.integrations": "transformers",
    "accelerate.tracking": "accelerate",
}
_REGISTRIES = {"transformers": "INTEGRATION_TO_CALLBACK", "accelerate": "LOGGER_TYPE_TO_CLASS"}
_finding: set[Any] = set()


class _Finder:
    """The finder. An instance of it stands in sys.meta_path."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the other finders have for one of the waited modules, else None."""
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
                    _tell(spec, name)
                    return spec
        finally:
            _finding.discard(name)
        return None


def _tell(spec: Any, name: str) -> None:
    """Have the module registered when its loader has executed it."""
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
    """Enter the integration in the library's dict. An error is said: it must not end the import of the library."""
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
        if register is not None:  # else the integration itself is being imported, and registers at its end
            register()
    except Exception as e:
        from ._say import once

        once(("registry", library), f"{library} does not know gitruns by its name: {type(e).__name__}: {e}")


def install() -> None:
    """Register with what is loaded, and wait for what is not."""
    for name in list(_waiting):
        module = sys.modules.get(name)
        if module is not None:
            _register(name, vars(module))
    if _waiting and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
