"""Writes docs/api.md, the reference of the public API, from the docstrings in src: `python3 python/build_api.py`.

It only parses the sources, so that it needs no training library. To add a class or function, extend `SECTIONS`.
python/tests/test_api.py fails if the page is not up to date.
"""

from __future__ import annotations

import ast
import os
import re
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "docs", "api.md")
WIDTH = 100
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields):$")

INTRODUCTION = """
# API

This page lists the public classes and functions of `gitruns`. `python3 python/build_api.py` writes it from their
docstrings. [The README](../README.md) shows how to use them.

Until `finish()`, `gitruns.run`, `gitruns.config` and `gitruns.summary` belong to the run that `init()` started. These
methods of `Run` are functions of `gitruns` too, for that run: `log`, `finish`, `join`, `define_metric`, `save`,
`restore`, `log_artifact`, `use_artifact`, `log_model`, `use_model`, `log_dataset`, `watch`, `unwatch`, `alert`,
`log_code` and `mark_preempting`. Before `init()` they raise `Error`.
"""

# Title, and the public name, module and source name of each entry.
SECTIONS = [
    ("Start and finish a run", [("init", "_init"), ("Run", "_run"), ("Settings", "_settings")]),
    ("Params and summary", [("Config", "_config"), ("Summary", "_summary")]),
    (
        "Media",
        [
            ("Image", "_image"),
            ("Table", "_table"),
            ("Histogram", "_media"),
            ("Audio", "_media"),
            ("Video", "_video"),
            ("Html", "_media"),
            ("Plotly", "_media"),
            ("Object3D", "_object3d"),
            ("Molecule", "_object3d"),
        ],
    ),
    (
        "Charts",
        [
            ("plot.line", "_plot"),
            ("plot.line_series", "_plot"),
            ("plot.bar", "_plot"),
            ("plot.scatter", "_plot"),
            ("plot.histogram", "_plot"),
            ("plot.roc_curve", "_plot"),
            ("plot.pr_curve", "_plot"),
            ("plot.confusion_matrix", "_plot"),
            ("plot_table", "_plot"),
        ],
    ),
    ("Files and artifacts", [("Artifact", "_artifact"), ("restore", "_restore"), ("log_dataset", "__init__")]),
    (
        "Read runs",
        [
            ("load", "_reader"),
            ("load_model", "_model"),
            ("runs", "_reader"),
            ("diff", "_reader"),
            ("RecordedRun", "_reader"),
            ("RecordedArtifact", "_reader"),
            ("Runs", "_reader"),
            ("Diff", "_reader"),
        ],
    ),
    (
        "Errors",
        [
            ("Error", "_errors"),
            ("CommError", "_errors"),
            ("UsageError", "_errors"),
            ("ConfigError", "_errors"),
            ("NotFoundError", "_errors"),
        ],
    ),
    (
        "Integrations",
        [
            ("integrations.transformers.GitrunsCallback", "integrations/transformers"),
            ("integrations.lightning.GitrunsLogger", "integrations/lightning", "_Logger"),
            ("integrations.accelerate.GitrunsTracker", "integrations/accelerate"),
            ("integrations.keras.GitrunsCallback", "integrations/keras"),
            ("integrations.keras.GitrunsMetricsLogger", "integrations/keras"),
            ("integrations.keras.GitrunsModelCheckpoint", "integrations/keras"),
            ("integrations.xgboost.GitrunsCallback", "integrations/xgboost"),
            ("integrations.lightgbm.gitruns_callback", "integrations/lightgbm"),
            ("integrations.lightgbm.log_summary", "integrations/lightgbm"),
            ("integrations.catboost.GitrunsCallback", "integrations/catboost"),
            ("integrations.catboost.log_summary", "integrations/catboost"),
            ("integrations.optuna.GitrunsCallback", "integrations/optuna"),
            ("integrations.optuna.trial_run", "integrations/optuna"),
            ("integrations.hydra.GitrunsCallback", "integrations/hydra"),
            ("integrations.sklearn.GitrunsCallback", "integrations/sklearn"),
            ("integrations.sklearn.track", "integrations/sklearn"),
            ("integrations.stable_baselines3.GitrunsCallback", "integrations/stable_baselines3"),
            ("integrations.diffusers.autolog", "integrations/diffusers"),
        ],
    ),
    (
        "W&B compatibility",
        [
            ("login", "_compat"),
            ("setup", "_compat"),
            ("teardown", "_compat"),
            ("require", "_compat"),
            ("termlog", "_compat"),
            ("AlertLevel", "_compat"),
        ],
    ),
]


def _tree(module: str) -> ast.Module:
    with open(os.path.join(HERE, "src", "gitruns", *f"{module}.py".split("/")), encoding="utf-8") as f:
        return ast.parse(f.read())


def _definition(module: str, name: str) -> ast.ClassDef | ast.FunctionDef:
    for node in _tree(module).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return node
    raise SystemExit(f"build_api: {module}.py does not define {name}")


def _filled(text: str, indent: str = "") -> str:
    first = indent[:-2] + "- " if indent else ""
    return "\n".join(
        textwrap.wrap(
            text,
            WIDTH,
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _items(lines: list[str]) -> list[tuple[str, str]]:
    """Return the items of a section as (names, text)."""
    items: list[tuple[str, str]] = []
    for line in textwrap.dedent("\n".join(lines)).splitlines():
        if line.startswith(" ") and items:
            items[-1] = (items[-1][0], items[-1][1] + " " + line.strip())
        elif line.strip():
            names, _, text = line.partition(": ")
            items.append((names, text.strip()))
    return items


def _rendered(docstring: str) -> list[str]:
    """Return a docstring as paragraphs of Markdown."""
    out: list[str] = []
    lines = docstring.splitlines()
    while lines:
        line = lines.pop(0)
        if not line.strip():
            continue
        body = []
        if match := _SECTION.match(line):
            while lines and (lines[0].startswith(" ") or not lines[0].strip()):
                body.append(lines.pop(0))
            if match.group(1) in ("Returns", "Yields"):
                out.append(_filled(f"{match.group(1)}: " + " ".join(x.strip() for x in body if x.strip())))
                continue
            items = [
                _filled(", ".join(f"`{n}`" for n in names.split(", ")) + (f": {text}" if text else ""), "  ")
                for names, text in _items(body)
            ]
            out += [{"Args": "Arguments:", "Raises": "Raises:"}[match.group(1)], "\n".join(items)]
            continue
        body = [line]
        while lines and lines[0].strip() and not _SECTION.match(lines[0]):
            body.append(lines.pop(0))
        out.append(_filled(" ".join(x.strip() for x in body)))
    return out


def _signature(name: str, function: ast.FunctionDef, method: bool) -> str:
    arguments = function.args
    if method and arguments.args:
        arguments.args = arguments.args[1:]
    for argument in [*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
        if argument is not None:
            argument.annotation = None
    parts = _split(ast.unparse(arguments))
    line = f"{name}({', '.join(parts)})"
    if len(line) > WIDTH:
        inner = textwrap.wrap(", ".join(p.replace(" ", "\0") for p in parts), WIDTH - 4, break_on_hyphens=False)
        line = f"{name}(\n" + "\n".join("    " + x.replace("\0", " ") for x in inner) + "\n)"
    return f"```text skip a signature\n{line}\n```"


def _split(arguments: str) -> list[str]:
    """Split arguments at the commas between them."""
    parts, depth = [""], 0
    for c in arguments:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts if p.strip()]


def _is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)


def _class(name: str, node: ast.ClassDef) -> list[str]:
    functions = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    made = next((f for f in functions if f.name == "__init__"), None)
    # The program makes a run, a config, a summary and what a reader returns: their constructors are not public.
    internal = name in ("Run", "Config", "Summary", "RecordedRun", "RecordedArtifact", "Runs", "Diff")
    out = [] if made is None or internal else [_signature(name, made, True)]
    out += _rendered(ast.get_docstring(node) or "")
    public = [f for f in functions if not f.name.startswith("_") and ast.get_docstring(f)]
    attributes = [f for f in public if _is_property(f)]
    if attributes:
        out += [
            "Attributes:",
            "\n".join(
                _filled(f"`{f.name}`: " + " ".join((ast.get_docstring(f) or "").split()), "  ") for f in attributes
            ),
        ]
    for method in public:
        if method in attributes or any(isinstance(d, ast.Attribute) for d in method.decorator_list):
            continue
        short = name.rpartition(".")[2]
        out.append(f"#### `{short}.{method.name}`")
        out.append(_signature(f"{short}.{method.name}", method, True))
        out += _rendered(ast.get_docstring(method) or "")
    return out


def page() -> str:
    """Return the text of the page."""
    out = ["\n\n".join(_filled(p) if not p.startswith("#") else p for p in INTRODUCTION.strip().split("\n\n"))]
    out.append(
        "\n".join(f"- [{title}](#{re.sub(r'[^a-z ]', '', title.lower()).replace(' ', '-')})" for title, _ in SECTIONS)
    )
    for title, entries in SECTIONS:
        out.append(f"## {title}")
        for name, module, *other in entries:
            node = _definition(module, other[0] if other else name.rpartition(".")[2])
            out.append(f"### `{name}`")
            if isinstance(node, ast.ClassDef):
                out += _class(name, node)
            else:
                out.append(_signature(name, node, False))
                out += _rendered(ast.get_docstring(node) or "")
    return "\n\n".join(out) + "\n"


def main() -> None:
    """Write the page."""
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(page())


if __name__ == "__main__":
    main()
