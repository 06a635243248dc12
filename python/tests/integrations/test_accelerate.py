"""The tracker for accelerate, with small models that this file defines."""

from __future__ import annotations

import os
import sys
import unittest

from library import Training, need


def setUpModule() -> None:
    need("torch", "accelerate")


def accelerator(log_with="gitruns"):
    from accelerate import Accelerator

    import gitruns  # noqa: F401  makes the name known

    return Accelerator(log_with=log_with, cpu=True)


def loop(a, steps: int = 4) -> None:
    """Fit a line."""
    import torch

    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 8 * steps).reshape(-1, 1)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x + 1), batch_size=8)
    layer = torch.nn.Linear(1, 1)
    layer, optimizer, data = a.prepare(layer, torch.optim.SGD(layer.parameters(), lr=0.1), data)
    for step, (inputs, targets) in enumerate(data):
        loss = torch.nn.functional.mse_loss(layer(inputs), targets)
        a.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        a.log({"train/loss": loss.item(), "nested": {"step": step}}, step=10 * step)


class Record(Training):
    def test_the_word(self) -> None:
        import gitruns

        a = accelerator()
        a.init_trackers(
            "penguins",
            config={"lr": 0.1, "kind": "line", "none": None},
            init_kwargs={"gitruns": {"name": "n", "tags": ["a"]}},
        )
        loop(a)
        self.assertIs(a.get_tracker("gitruns", unwrap=True), gitruns.run)
        a.end_training()
        self.assertIsNone(gitruns.run)
        r = self.show()
        self.assertEqual(
            (r["experiment"], r["name"], r["tags"], r["status"]), ("penguins", "n", {"a": "yes"}, "finished")
        )
        self.assertEqual(r["params"], {"lr": 0.1, "kind": "line"})
        self.assertEqual([s for s, _ in self.points("train/loss")], [0, 10, 20, 30])
        self.assertEqual(self.points("nested.step"), [(0, 0.0), (10, 1.0), (20, 2.0), (30, 3.0)])

    def test_an_instance(self) -> None:
        from gitruns.integrations.accelerate import GitrunsTracker

        a = accelerator(GitrunsTracker("own", name="instance"))
        a.init_trackers("penguins", config={"lr": 0.1})
        loop(a, 2)
        a.end_training()
        r = self.show()
        self.assertEqual((r["experiment"], r["name"], r["params"]["lr"]), ("own", "instance", 0.1))
        self.assertEqual([s for s, _ in self.points("train/loss")], [0, 10])

    def test_the_run_of_the_caller_stays_open(self) -> None:
        import gitruns

        with gitruns.init(name="mine", config={"lr": 3}) as run:
            a = accelerator()
            a.init_trackers("penguins", config={"lr": 0.1})
            loop(a, 2)
            a.end_training()
            self.assertIs(gitruns.run, run)
        self.assertEqual([r["name"] for r in self.list()], ["mine"])
        self.assertEqual(self.show()["params"]["lr"], 0.1)

    def test_media(self) -> None:
        import numpy

        a = accelerator()
        a.init_trackers("penguins")
        tracker = a.get_tracker("gitruns")
        tracker.log_images(
            {"seen": [numpy.zeros((4, 4, 3), "uint8"), numpy.ones((4, 4, 3), "uint8")]}, step=3, caption="c"
        )
        tracker.log_table("rows", columns=["x", "y"], data=[[1, "a"], [2, "b"]], step=4)
        a.end_training()
        found = sorted((m["kind"], m["key"], m["step"]) for m in self.show()["artifacts"])
        self.assertEqual(found, [("image", "seen", 3), ("image", "seen", 3), ("table", "rows", 4)])

    def test_beside_another_tracker(self) -> None:
        from accelerate import Accelerator
        from accelerate.tracking import GeneralTracker

        import gitruns  # noqa: F401

        class Other(GeneralTracker):
            name = "other"
            requires_logging_directory = False
            tracker = None
            got: list = []

            def log(self, values, step=None, **kwargs):
                self.got.append((step, sorted(values)))

        a = Accelerator(log_with=[Other(), "gitruns"], cpu=True)
        a.init_trackers("penguins")
        loop(a, 2)
        a.end_training()
        self.assertEqual([s for s, _ in Other.got], [0, 10])
        self.assertEqual([s for s, _ in self.points("train/loss")], [0, 10])

    def test_other_processes_record_nothing(self) -> None:
        from accelerate import PartialState

        import gitruns
        from gitruns.integrations.accelerate import GitrunsTracker

        state = PartialState(cpu=True)
        before = state.process_index, state.num_processes, state.distributed_type
        state.process_index, state.num_processes, state.distributed_type = 1, 2, "MULTI_CPU"
        try:
            tracker = GitrunsTracker("p")
            tracker.start()
            tracker.store_init_configuration({"lr": 1})
            tracker.log({"x": 1}, step=1)
            tracker.finish()
        finally:
            state.process_index, state.num_processes, state.distributed_type = before
        self.assertIsNone(gitruns.run)
        self.assertFalse(os.path.exists(".runs"))


OLDER = """
# accelerate before 1.15 accepts only the names of its enumeration, and has no way to register others.
from accelerate import tracking
del tracking.register_tracker_class
newer = tracking.filter_trackers
def filter_trackers(log_with, logging_dir=None):
    for word in log_with if isinstance(log_with, (list, tuple)) else [log_with]:
        if isinstance(word, str) and word not in tracking.LoggerType:
            raise ValueError(f"Unsupported logging capability: {word}.")
    return newer(log_with, logging_dir)
tracking.filter_trackers = filter_trackers
"""


class Programs(Training):
    def test_the_example(self) -> None:
        self.example("train_accelerate.py")
        r = self.show()
        self.assertEqual(
            (r["experiment"], r["name"], r["status"], r["params"]),
            ("lines", "line", "finished", {"lr": 0.1, "batch": 8}),
        )
        self.assertEqual([s for s, _ in self.points("train/loss")], list(range(8)))

    def test_a_crash(self) -> None:
        done = self.python(
            """
import gitruns
from accelerate import Accelerator
a = Accelerator(log_with="gitruns", cpu=True)
a.init_trackers("lines", config={"lr": 0.1})
a.log({"loss": 1.0}, step=0)
raise RuntimeError("broken data")
""",
            status=1,
        )
        self.assertIn("broken data", done.stderr)
        r = self.show()
        self.assertEqual((r["status"], r["exit_code"]), ("failed", 1))
        self.assertEqual(self.points("loss"), [(0, 1.0)])

    def test_older_versions(self) -> None:
        self.python(
            OLDER
            + """
import gitruns
from accelerate import Accelerator
a = Accelerator(log_with=["gitruns"], cpu=True)
a.init_trackers("lines", config={"lr": 0.1}, init_kwargs={"gitruns": {"name": "older"}})
a.log({"loss": 1.0}, step=5)
a.end_training()
try:
    Accelerator(log_with="nonsense")
except ValueError as e:
    assert "nonsense" in str(e), e
else:
    raise SystemExit("no error")
"""
        )
        self.assertEqual(self.show()["name"], "older")
        self.assertEqual(self.points("loss"), [(5, 1.0)])

    def test_the_librarys_own_wandb_tracker(self) -> None:
        self.write(
            "train.py",
            f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from test_accelerate import loop
import numpy
assert "wandb" in map(str, get_available_trackers())
a = Accelerator(log_with="all" if len(get_available_trackers()) == 1 else "wandb", cpu=True)
a.init_trackers("lines", config={{"lr": 0.1}}, init_kwargs={{"wandb": {{"tags": ["a"]}}}})
loop(a)
tracker = a.get_tracker("wandb")
tracker.log_images({{"seen": [numpy.zeros((4, 4, 3), "uint8")]}}, step=40)
tracker.log_table("rows", columns=["x"], data=[[1]], step=40)
a.end_training()
""",
        )
        self.runs("exec", "--wandb", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual((r["status"], r["params"]["lr"], r["tags"].get("a")), ("finished", 0.1, "yes"))
        self.assertEqual([s for s, _ in self.points("train/loss")], [0, 10, 20, 30])
        self.assertEqual(sorted((m["kind"], m["key"]) for m in r["artifacts"]), [("image", "seen"), ("table", "rows")])

    def test_import_order(self) -> None:
        self.python("""
import sys
import accelerate.accelerator
assert "gitruns" not in accelerate.tracking.LOGGER_TYPE_TO_CLASS
import gitruns
assert accelerate.tracking.LOGGER_TYPE_TO_CLASS["gitruns"].__module__ == "gitruns.integrations.accelerate"
from accelerate import Accelerator
assert Accelerator(log_with="gitruns", cpu=True).log_with == ["gitruns"]
""")
        # The integration is imported first, and imports the library.
        self.python("""
from gitruns.integrations.accelerate import GitrunsTracker
from accelerate import Accelerator
assert Accelerator(log_with="gitruns", cpu=True).log_with == ["gitruns"]
""")


if __name__ == "__main__":
    unittest.main()
