"""Counts how many programs that record with W&B gitruns covers, by the names and keywords that each of them uses.

    pip download --no-deps --only-binary :all: --ignore-requires-python --python-version 3.11 \\
        -r python/tests/programs.txt -d DIR
    python programs.py DIR...        # folders of sources; wheels and sdists in them are read as they are
    python programs.py --each DIR... # and one line per program that is not covered

A program is a file that imports wandb and calls init, log or another function of a run, outside folders of tests and
docs. It is covered if gitruns has every name and keyword that it uses. A name that only raises an error with a hint
counts as missing.
"""

from __future__ import annotations

import ast
import inspect
import io
import os
import sys
import tarfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import project

sys.path.insert(0, os.path.join(project.SRC, "gitruns", "_shim"))

import wandb  # noqa: E402  the shim, whatever else is installed

import gitruns  # noqa: E402

del sys.path[0]

from gitruns import _live, _refused  # noqa: E402
from gitruns._config import Config  # noqa: E402
from gitruns._summary import Summary  # noqa: E402

WAYS = {"import gitruns as wandb": gitruns, "runs exec --wandb": wandb}

# The kind of an expression: the module or a class, and the dotted name in it, as ("wandb", "plot.line") or ("Run", "").
Kind = tuple[str, str]
# A use: of what, the keywords (None if it is not a call), the number of positional arguments, and "import", "read" or
# "write".
Use = tuple[Kind, "tuple[str, ...] | None", int, str]

_VALUES = {
    ("wandb", "run"): "Run",
    ("wandb", "config"): "Config",
    ("wandb", "summary"): "Summary",
    ("Run", "config"): "Config",
    ("Run", "summary"): "Summary",
}
_RESULTS = {
    ("wandb", "init"): "Run",
    ("wandb", "Artifact"): "Artifact",
    ("wandb", "Table"): "Table",
    ("wandb", "use_artifact"): "Artifact",
    ("wandb", "log_artifact"): "Artifact",
    ("Run", "use_artifact"): "Artifact",
    ("Run", "log_artifact"): "Artifact",
}
_RECORDS = ("init", "log", "finish", "save", "watch", "define_metric", "log_artifact", "use_artifact")
_ASIDE = {"test", "tests", "testing", "doc", "docs", "unit_tests", "tests_fabric", "tests_pytorch"}


class Scope:
    """The names of a module, class or function, with their kinds. None is any other kind."""

    def __init__(self, outer: Scope | None, is_class: bool = False) -> None:
        self.outer = outer
        self.is_class = is_class
        self.names: dict[str, Kind | None] = {}
        self.globals: set[str] = set()
        self.members: dict[str, Kind | None] = {}  # in a class, the attributes of self

    def find(self, name: str) -> Kind | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope.names[name]
            scope = scope.outer
        return None

    def of(self, name: str) -> dict[str, Kind | None]:
        """Return the names among which this scope binds a name."""
        return (self.top() if name in self.globals else self).names

    def owner(self) -> Scope:
        """Return the class around the scope, or the module."""
        scope = self
        while scope.outer is not None and not scope.is_class:
            scope = scope.outer
        return scope

    def top(self) -> Scope:
        return self.outer.top() if self.outer else self


class Program(ast.NodeVisitor):
    """The uses of wandb in one file, in order, and whether it records a run."""

    def __init__(self, source: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the strings of others
            tree = ast.parse(source)
        self.scopes: dict[ast.AST, Scope] = {}
        self.uses: list[Use] = []
        self.imports = False
        self.asked: set[Kind] = set()  # checked with hasattr, so that the program works without them
        self.unread = any(
            isinstance(n, ast.ImportFrom) and n.module == "__future__" and any(a.name == "annotations" for a in n.names)
            for n in tree.body
        )
        for found in ([], [], self.uses):  # a name may be bound after its use, and through other names
            self.found = found
            self.scope = Scope(None)
            self.scope = self.scopes.setdefault(tree, self.scope)
            self.generic_visit(tree)
        self.uses = [use for use in self.uses if use[0] not in self.asked]

    @property
    def records(self) -> bool:
        return any(
            given is not None
            and (kind[1] in _RECORDS if kind[0] == "Run" else kind in (("wandb", "init"), ("wandb", "log")))
            for kind, given, _, _ in self.uses
        )

    def kind(self, node: ast.AST | None) -> Kind | None:
        """Return the kind of an expression."""
        if isinstance(node, ast.Name):
            return self.scope.find(node.id)
        if isinstance(node, ast.Attribute):
            of = self.kind(node.value)
            if of is not None:
                whole = (of[0], f"{of[1]}.{node.attr}".lstrip("."))
                return (_VALUES[whole], "") if whole in _VALUES else whole
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                return self.scope.owner().members.get(node.attr)
        if isinstance(node, ast.Call):
            if isinstance(node.func, (ast.Name, ast.Attribute)) and ast.unparse(node.func) in (
                "__import__",
                "import_module",
                "importlib.import_module",
            ):
                return (
                    ("wandb", "")
                    if node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == "wandb"
                    else None
                )
            of = self.kind(node.func)
            return (_RESULTS[of], "") if of in _RESULTS else None
        if isinstance(node, ast.IfExp):
            return self.kind(node.body) or self.kind(node.orelse)
        if isinstance(node, ast.BoolOp):
            return next((k for k in map(self.kind, node.values) if k), None)
        if isinstance(node, (ast.NamedExpr, ast.Await)):
            return self.kind(node.value)
        return None

    def annotated(self, node: ast.expr | None) -> Kind | None:
        """Return the kind of a value with this annotation."""
        for part in ast.walk(node) if node else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    if kind := self.annotated(ast.parse(part.value, mode="eval").body):
                        return kind
                except SyntaxError:
                    continue
            of = self.kind(part)
            if (
                of
                and of[0] == "wandb"
                and not of[1].startswith("apis.")
                and (name := of[1].rpartition(".")[2]) in ("Run", "Artifact", "Table")
            ):
                return (name, "")
        return None

    def bind(self, target: ast.AST, kind: Kind | None) -> None:
        if isinstance(target, ast.Name):
            names = self.scope.of(target.id)
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id in ("self", "cls")
        ):
            names = self.scope.owner().members
        else:
            for part in ast.iter_child_nodes(target):
                if isinstance(target, (ast.Tuple, ast.List, ast.Starred)):
                    self.bind(part, None)
            return
        name = target.id if isinstance(target, ast.Name) else target.attr
        if kind is None:
            names.setdefault(name, None)
        else:
            names[name] = kind

    def visit_Import(self, node: ast.Import) -> None:
        for a in node.names:
            if a.name.split(".")[0] == "wandb":
                self.imports = True
                below = a.name[len("wandb.") :]
                self.scope.of(name := a.asname or "wandb")[name] = ("wandb", below if a.asname else "")
                self.found.append((("wandb", below), None, 0, "import"))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or (node.module or "").split(".")[0] != "wandb":
            return
        self.imports = True
        for a in node.names:
            of = ("wandb", f"{node.module}.{a.name}"[len("wandb.") :])
            self.found.append((of, None, 0, "from"))
            self.scope.of(name := a.asname or a.name)[name] = (_VALUES[of], "") if of in _VALUES else of

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self.scope.names.pop(name, None)
            self.scope.globals.add(name)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *[d for d in node.args.kw_defaults if d]):
            self.visit(part)
        parameters = [
            *node.args.posonlyargs,
            *node.args.args,
            *node.args.kwonlyargs,
            *[a for a in (node.args.vararg, node.args.kwarg) if a],
        ]
        for note in (*[p.annotation for p in parameters], node.returns):
            if note is not None and not self.unread:
                self.visit(note)
        if any(isinstance(d, ast.Name) and "property" in d.id for d in node.decorator_list) and (
            kind := self.annotated(node.returns)
        ):
            self.scope.owner().members[node.name] = kind
        outer, self.scope = self.scope, self.scopes.setdefault(node, Scope(self.scope))
        for p in parameters:
            self.scope.names.setdefault(p.arg, self.annotated(p.annotation))
        for part in node.body:
            self.visit(part)
        self.scope = outer

    visit_FunctionDef = visit_AsyncFunctionDef = function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *[k.value for k in node.keywords]):
            self.visit(part)
        outer, self.scope = self.scope, self.scopes.setdefault(node, Scope(self.scope, True))
        for part in node.body:
            self.visit(part)
        self.scope = outer

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            kept, self.found = self.found, []  # only bind names
            for part in node.body:
                self.visit(part)
            self.found = kept
            for part in node.orelse:
                self.visit(part)
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            if (
                isinstance(target, ast.Tuple)
                and isinstance(node.value, ast.Tuple)
                and len(target.elts) == len(node.value.elts)
            ):
                for one, value in zip(target.elts, node.value.elts):
                    self.bind(one, self.kind(value))
            else:
                self.bind(target, self.kind(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        inside = self.scope.outer is not None and not self.scope.is_class
        for part in (node.target, node.value, None if inside or self.unread else node.annotation):
            if part is not None:
                self.visit(part)
        self.bind(node.target, self.kind(node.value) or self.annotated(node.annotation))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.generic_visit(node)
        self.bind(node.target, self.kind(node.value))

    def visit_For(self, node: ast.For) -> None:
        self.bind(node.target, None)
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        self.generic_visit(node)
        if node.optional_vars is not None:
            self.bind(node.optional_vars, self.kind(node.context_expr))

    def visit_Call(self, node: ast.Call) -> None:
        of = self.kind(node.func)
        if (
            isinstance(node.func, ast.Name)
            and node.func.id == "hasattr"
            and len(node.args) == 2
            and (asked := self.kind(node.args[0]))
            and isinstance(node.args[1], ast.Constant)
        ):
            self.asked.add((asked[0], f"{asked[1]}.{node.args[1].value}".lstrip(".")))
        if of is not None and of[1]:
            spread = any(isinstance(a, ast.Starred) for a in node.args)
            self.found.append(
                (of, tuple(k.arg for k in node.keywords if k.arg), 0 if spread else len(node.args), "read")
            )
            self.below(node.func)
        else:
            self.visit(node.func)
        for part in (*node.args, *node.keywords):
            self.visit(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        of = self.kind(node.value)
        if of is None:
            self.visit(node.value)
            return
        self.found.append(
            (
                (of[0], f"{of[1]}.{node.attr}".lstrip(".")),
                None,
                0,
                "write" if isinstance(node.ctx, (ast.Store, ast.Del)) else "read",
            )
        )
        self.below(node)

    def below(self, node: ast.expr) -> None:
        """Visit the object of an attribute, unless it is part of the same dotted name."""
        while isinstance(node, ast.Attribute):
            node = node.value
            of = self.kind(node)
            if of is None or of[1] == "":
                if not (isinstance(node, ast.Attribute) and of and of[0] == "wandb"):
                    self.visit(node)
                return


@cache
def members(owner: str) -> tuple[type, frozenset[str]]:
    """Return the class of a kind, and the names that only its instances have."""
    if owner == "Run":
        run = gitruns.Run({"dir": "", "host": "", "id": "x"})
        _live.runs.remove(run)
        return gitruns.Run, frozenset(vars(run))
    if owner == "Artifact":
        return gitruns.Artifact, frozenset(vars(gitruns.Artifact("a", "b")))
    if owner == "Table":
        return gitruns.Table, frozenset(vars(gitruns.Table(columns=["a"])))
    return {"Config": Config, "Summary": Summary}[owner], frozenset()


def takes(value: object, name: str, given: tuple[str, ...], positional: int) -> str:
    """Return which arguments of a call gitruns does not accept, or ''."""
    if name == "init" and (rewound := {"resume_from", "fork_from"} & set(given)):
        return f"init({min(rewound)}=): refused"
    try:
        parameters = inspect.signature(value).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not any(p.kind == p.VAR_KEYWORD for p in parameters) and (unknown := [k for k in given if k not in names]):
        return f"{name}({unknown[0]}=)"
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name != "self"]
    if positional > len(places) and not any(p.kind == p.VAR_POSITIONAL for p in parameters):
        return f"{name} of {positional} arguments"
    return ""


@cache
def lacks(use: Use, way: str) -> str:
    """Return what of a use is missing in one of WAYS, or ''."""
    (owner, path), given, positional, how = use
    parts = path.split(".")
    if owner != "wandb":
        kind, own = members(owner)
        if owner in ("Config", "Summary") and (given is None or how == "write"):
            return ""  # every key is an attribute
        if not hasattr(kind, parts[0]):
            refused = (
                owner == "Run"
                and parts[0] in _refused._RUN_CALLS
                or owner == "Artifact"
                and parts[0] in _refused._ARTIFACT_CALLS
            )
            return "" if parts[0] in own else f"{owner}.{parts[0]}" + (": refused" if refused else "")
        value = getattr(kind, parts[0])
        if isinstance(value, property):
            return f"{owner}.{parts[0]} = …" if how == "write" and value.fset is None else ""
        return "" if given is None or len(parts) > 1 else takes(value, f"{owner}.{parts[0]}", given, positional)
    if not path:
        return ""
    module = WAYS[way]
    try:
        if how in ("import", "from") and module is wandb:
            whole = (
                imported(path)
                if how == "import" or parts[-1] == "*"
                else getattr(imported(".".join(parts[:-1])), parts[-1])
            )
            return "" if not isinstance(whole, _refused._Refused) else f"{path}: refused"
        if how == "import" or how == "from" and len(parts) > 1:
            return said(how, path)  # gitruns has no such module
        if parts == ["*"]:
            return ""
        value = module
        for i, part in enumerate(parts):
            value = getattr(gitruns.Run, part) if i == 0 and part in gitruns._OF_RUN else getattr(value, part)
            if isinstance(value, _refused._Refused):
                return ".".join(parts[: i + 1]) + ": refused"
    except (AttributeError, ImportError, gitruns.UsageError):
        return said(how, path)
    if how == "write" and isinstance(setter := getattr(type(gitruns), path, None), property) and setter.fset is None:
        return f"{path} = …"
    return "" if given is None else takes(value, path, given, positional)


def said(how: str, path: str) -> str:
    """Return a use of the module as a program writes it."""
    above, _, name = ("wandb." + path).rpartition(".")
    return f"from {above} import {name}" if how == "from" else f"import wandb.{path}" if how == "import" else path


def imported(path: str) -> object:
    """Return the shim's module for a path. A star stands for its names: wandb.sdk.* is the module wandb.sdk."""
    return import_module(("wandb." + path.removesuffix("*")).rstrip("."))


def sources(paths: list[str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield (package, path, source) of each Python file under the paths.

    The package is the name of the archive or the folder.
    """
    for top in paths:
        files = [os.path.join(at, n) for at, _, names in os.walk(top) for n in names] if os.path.isdir(top) else [top]
        for path in sorted(files):
            package = os.path.basename(path).split("-")[0]
            if path.endswith((".whl", ".zip")):
                with zipfile.ZipFile(path) as z:
                    yield from ((package, n, z.read(n)) for n in sorted(z.namelist()) if n.endswith(".py"))
            elif path.endswith((".tar.gz", ".tgz")):
                with tarfile.open(path) as t:
                    for member in t:
                        if member.isfile() and member.name.endswith(".py"):
                            yield package, member.name, (t.extractfile(member) or io.BytesIO()).read()
            elif path.endswith(".py"):
                name = os.path.relpath(path, top) if os.path.isdir(top) else path
                with open(path, "rb") as f:
                    yield (name.split(os.sep)[0] if os.sep in name else top), name, f.read()


def programs(paths: list[str]) -> Iterator[tuple[str, str, Program]]:
    """Yield (package, path, program) of the files that import wandb. Equal sources count once."""
    seen = set()
    for package, path, source in sources(paths):
        parts = path.replace(os.sep, "/").split("/")
        if (
            b"wandb" not in source
            or source in seen
            or _ASIDE & set(parts)
            or parts[-1].startswith("test_")
            or parts[-1] in ("conftest.py", "setup.py")
        ):
            continue
        seen.add(source)
        try:
            program = Program(source.decode("utf-8", "replace"))
        except SyntaxError:
            continue  # Python 2
        if program.imports:
            yield package, path, program


def main(paths: list[str], each: bool) -> None:
    found = list(programs(paths))
    record = [f for f in found if f[2].records]
    if not record:
        sys.exit("no program under these paths records with wandb: " + ", ".join(paths))
    packages = len({p for p, _, _ in record})
    print(f"{len(record)} files of {packages} packages record with wandb, of {len(found)} that import it")
    for way in WAYS:
        missing = [[lack for use in p.uses if (lack := lacks(use, way))] for _, _, p in record]
        total = sum(len(p.uses) for _, _, p in record)
        other = sum(not any(lacks(use, way) for use in p.uses) for _, _, p in found)
        whole = sum(not m for m in missing)
        by = {package: [not m for (p, _, _), m in zip(record, missing) if p == package] for package, _, _ in record}
        mean = sum(sum(b) / len(b) for b in by.values()) / len(by)
        print(
            f"\n{way}: {whole / len(record):.1%} of the files are covered ({whole} of {len(record)}; "
            f"{mean:.1%} if each package counts the same)"
        )
        covered = 1 - sum(map(len, missing)) / total
        print(f"  {covered:.1%} of {total} uses; {other / len(found):.1%} of all files that import it")
        sites, files = Counter(lack for m in missing for lack in m), Counter(lack for m in missing for lack in set(m))
        alone = Counter(m[0] for m in missing if len(set(m)) == 1)
        print(f"  {'uses':>5} {'files':>6} {'alone':>6}  missing")
        for lack, n in sorted(files.items(), key=lambda item: (-item[1], item[0])):
            print(f"  {sites[lack]:5} {n:6} {alone[lack]:6}  {lack}")
        if each:
            for (package, path, _), m in zip(record, missing):
                if m:
                    print(f"  {package} {path}: {', '.join(sorted(set(m)))}")


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if a != "--each"], "--each" in sys.argv)
