"""gitruns has the names and keywords that public training code uses, by a table of them and the number of their uses.

python test_surface.py --coverage      # the estimate, one line per name; programs.py counts whole programs
"""

from __future__ import annotations

import inspect
import sys
import unittest

import gitruns
import project  # noqa: F401  puts the client on the path
from gitruns import _refused

# Keywords of init -> number of uses in a corpus of 94 public repositories.
INIT = {
    "project": 230,
    "config": 190,
    "name": 162,
    "entity": 117,
    "group": 63,
    "id": 39,
    "dir": 37,
    "resume": 24,
    "tags": 50,
    "mode": 37,
    "reinit": 17,
    "save_code": 45,
    "job_type": 13,
    "settings": 8,
    "notes": 16,
    "sync_tensorboard": 51,
    "monitor_gym": 37,
    "allow_val_change": 2,
    "force": 1,
    "anonymous": 1,
    "resume_from": 1,
    "fork_from": 1,
    "config_exclude_keys": 0,
    "config_include_keys": 0,
    "tensorboard": 0,
}

# Names of the module -> (number of uses in the same corpus, keywords).
MODULE = {
    "init": (267, tuple(INIT)),
    "log": (388, ("step", "commit", "sync")),
    "finish": (77, ("exit_code", "quiet")),
    "join": (5, ("exit_code",)),
    "run": (74, ()),
    "config": (75, ()),
    "summary": (10, ()),
    "define_metric": (56, ("name", "step_metric", "step_sync", "hidden", "summary", "goal", "overwrite")),
    "Image": (177, ("caption",)),
    "Table": (49, ("columns", "data", "dataframe", "rows")),
    "Histogram": (22, ("sequence", "np_histogram", "num_bins")),
    "Video": (18, ("fps", "format", "caption")),
    "Html": (5, ()),
    "Audio": (2, ("sample_rate", "caption")),
    "Artifact": (29, ("name", "type", "description", "metadata")),
    "log_artifact": (28, ("name", "type", "aliases")),
    "use_artifact": (9, ("type",)),
    "save": (36, ("glob_str", "base_path", "policy")),
    "login": (27, ()),
    "Settings": (13, ()),
    "watch": (19, ("criterion", "log", "log_freq", "idx", "log_graph")),
    "unwatch": (0, ()),
    "restore": (0, ("name", "run_path", "replace", "root")),
    "log_code": (4, ()),
    "alert": (0, ("title", "text", "level", "wait_duration")),
    "mark_preempting": (1, ()),
    "util": (5, ()),
    "errors": (9, ()),
    "setup": (4, ()),
    "teardown": (0, ()),
    "require": (2, ()),
    "plot": (5, ()),
    "Error": (0, ()),
    "UsageError": (0, ()),
    "CommError": (0, ()),
    "AlertLevel": (0, ()),
    "termlog": (0, ()),
    "termwarn": (0, ()),
    "termerror": (0, ()),
    "tensorboard": (0, ()),
    "sklearn": (1, ()),
    "api": (0, ()),
    "sdk": (0, ()),
    "__version__": (4, ()),
    "log_model": (0, ()),
    "use_model": (0, ()),
    "plot_table": (0, ()),
    "Plotly": (0, ()),
    "Run": (0, ()),
}

# Attributes and methods of a run -> number of uses.
RUN = {
    "id": 31,
    "project": 9,
    "name": 9,
    "url": 12,
    "get_url": 0,
    "dir": 7,
    "step": 6,
    "entity": 3,
    "tags": 0,
    "notes": 0,
    "group": 0,
    "job_type": 0,
    "path": 0,
    "start_time": 0,
    "resumed": 0,
    "disabled": 0,
    "config": 0,
    "summary": 0,
    "log": 78,
    "finish": 0,
    "log_artifact": 0,
    "use_artifact": 0,
    "save": 15,
    "watch": 0,
    "define_metric": 0,
    "alert": 0,
    "log_code": 0,
    "mark_preempting": 1,
    "restore": 0,
    "_label": 16,
    "_is_finished": 0,
    "log_dataset": 0,
    "unwatch": 0,
    "log_model": 0,
    "use_model": 0,
    "display": 0,
    "to_html": 0,
    "status": 0,
    "settings": 0,
}

# Attributes of plots, tables, artifacts, config and summary.
PARTS = {
    "plot": ("line", "line_series", "bar", "scatter", "histogram", "confusion_matrix", "pr_curve", "roc_curve"),
    "Table": ("add_data", "add_column"),
    "Artifact": ("add_file", "add_dir", "add_reference", "new_file"),
    "errors": ("Error", "CommError", "UsageError"),
    "util": ("generate_id",),
}
CONFIG = ("get", "update", "setdefaults", "as_dict", "items", "keys")
SUMMARY = ("get", "update")

# Names whose error says what to use instead -> number of uses.
REFUSED = {
    "Api": 36,
    "sweep": 14,
    "agent": 14,
    "controller": 0,
    "link_artifact": 0,
    "Classes": 1,
    "JoinedTable": 1,
    "launch": 0,
}
# Names that are not called.
_NO_CALL = {
    "run",
    "config",
    "summary",
    "__version__",
    "util",
    "errors",
    "plot",
    "tensorboard",
    "AlertLevel",
    "sklearn",
    "api",
    "sdk",
}
# Attributes that a run has only after init.
_SET_BY_INIT = {"project", "entity", "group", "job_type", "start_time"}
# Functions that are methods of the active run.
_OF_RUN = {
    "define_metric",
    "save",
    "log_artifact",
    "use_artifact",
    "watch",
    "unwatch",
    "alert",
    "log_code",
    "mark_preempting",
    "log_model",
    "use_model",
}


def found(name: str) -> object:
    """Return a name of the module, or the method of Run for it. Raises AttributeError if there is none."""
    return getattr(gitruns.Run, name) if name in _OF_RUN else getattr(gitruns, name)


def keywords(call: object) -> tuple[set, bool]:
    """Return the names that a call accepts as keywords, and whether it accepts any name."""
    target = call.__init__ if isinstance(call, type) else call  # type: ignore[misc]
    parameters = inspect.signature(target).parameters.values()  # type: ignore[arg-type]
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names, any(p.kind == p.VAR_KEYWORD for p in parameters)


def lacking(name: str) -> list[str]:
    """Return what is missing of a row of the table."""
    try:
        value = found(name)
    except AttributeError:
        return [name]
    if name in _NO_CALL:
        return []
    have, all_ = keywords(gitruns.Run.log if name == "log" else value)
    return [f"{name}({k}=)" for k in MODULE[name][1] if k not in have and not all_]


class Surface(unittest.TestCase):
    def test_all(self) -> None:
        self.assertEqual({*gitruns._LAZY, *gitruns._OF_RUN} - set(gitruns.__all__), set())
        self.assertEqual([name for name in gitruns.__all__ if not hasattr(gitruns, name)], [])

    def test_module(self) -> None:
        for name in MODULE:
            with self.subTest(name):
                self.assertEqual(lacking(name), [])

    def test_init_takes_no_more(self) -> None:
        have, all_ = keywords(gitruns.init)
        self.assertFalse(all_, "an unknown keyword has to be a TypeError")
        self.assertEqual(have - set(INIT), {"parent"})
        with self.assertRaises(TypeError):
            gitruns.init(projekt="p")

    def test_run(self) -> None:
        run = gitruns.init(mode="disabled", config={"a": 1})
        try:
            for name in RUN:
                with self.subTest(name):
                    # A recorded run has the instance attributes of the disabled one.
                    self.assertTrue(name in _SET_BY_INIT or hasattr(gitruns.Run, name), "a recorded run lacks it")
                    getattr(run, name)
        finally:
            gitruns.finish()

    def test_parts(self) -> None:
        for name, parts in PARTS.items():
            for part in parts:
                with self.subTest(f"{name}.{part}"):
                    self.assertTrue(hasattr(getattr(gitruns, name), part))

    def test_modules_of_wandb(self) -> None:
        wandb = gitruns
        self.assertIs(wandb.sdk.wandb_run.Run, wandb.Run)
        self.assertIs(wandb.wandb_run.Run, wandb.Run)
        self.assertIs(wandb.data_types.Image, wandb.sdk.data_types.image.Image)
        self.assertIsInstance(wandb.Html("<p>"), wandb.data_types.WBValue)
        with self.assertRaisesRegex(AttributeError, "wandb.sdk.launch; use"):
            _ = wandb.sdk.launch
        with self.assertRaisesRegex(AttributeError, "wandb.sklearn.plot_classifier; use gitruns.integrations.sklearn"):
            _ = wandb.sklearn.plot_classifier
        self.assertTrue(wandb.api.api_key)
        self.assertIsNone(wandb.ensure_configured())
        self.assertEqual((wandb.env.MODE, wandb.env.PROJECT), ("WANDB_MODE", "WANDB_PROJECT"))
        given: dict = {}
        wandb.env.set_project("p", given)
        self.assertEqual(given, {"WANDB_PROJECT": "p"})
        self.assertEqual(wandb.util.json_dumps_safer({"a": {1, 2}, "b": [1]}), '{"a": "{1, 2}", "b": [1]}')

    def test_config_and_summary(self) -> None:
        from gitruns._config import Config
        from gitruns._summary import Summary

        self.assertEqual([n for n in CONFIG if not hasattr(Config, n)], [])
        self.assertIn("allow_val_change", keywords(Config.update)[0])
        self.assertEqual([n for n in SUMMARY if not hasattr(Summary, n)], [])

    def test_refused(self) -> None:
        self.assertEqual([n for n in REFUSED if n not in _refused._CALLS and n not in _refused._NAMES], [])

    def test_share(self) -> None:
        self.assertGreater(share()[0], 0.95)


def share() -> tuple[float, list[tuple[str, int, str]]]:
    """Return the share of uses that gitruns covers, and [(name, uses, what is missing)].

    It counts uses, not whole files. A name that only raises an error with a hint counts as missing.
    """
    rows = [(n, sites, ", ".join(lacking(n))) for n, (sites, _) in MODULE.items()]
    rows += [
        (
            f"init({k}=)",
            sites,
            "" if k in keywords(gitruns.init)[0] and k not in ("resume_from", "fork_from") else "refused",
        )
        for k, sites in INIT.items()
    ]
    rows += [(f"run.{n}", sites, "" if hasattr(gitruns.Run, n) or n in _SET_BY_INIT else n) for n, sites in RUN.items()]
    rows += [(n, sites, "refused") for n, sites in REFUSED.items()]
    return sum(s for _, s, lack in rows if not lack) / sum(s for _, s, _ in rows), rows


if __name__ == "__main__":
    if "--coverage" in sys.argv:
        total, table = share()
        for row in table:
            print(f"{row[0]:28}{row[1]:6}  {row[2] or 'there'}")
        print(f"{total:.1%} of {sum(r[1] for r in table)} sites")
    else:
        unittest.main()
