"""watch() with modules that look like torch's."""

from __future__ import annotations

import unittest

from gitruns._watch import unwatch, watch
from recorder import Recorded


class Handle:
    def __init__(self, hooks: list, hook) -> None:
        self.hooks, self.hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        self.hooks.remove(self.hook)


class Parameter:
    requires_grad = True

    def __init__(self, *values: float) -> None:
        self.values, self.hooks = list(values), []

    def register_hook(self, hook) -> Handle:
        return Handle(self.hooks, hook)

    def tolist(self) -> list:
        return self.values


class Module:
    training = True

    def __init__(self) -> None:
        self.w, self.hooks = Parameter(3.0, 4.0), []

    def named_parameters(self) -> list:
        return [("w", self.w)]

    def register_forward_hook(self, hook) -> Handle:
        return Handle(self.hooks, hook)


class Watch(Recorded):
    def test_watch(self) -> None:
        m = Module()
        watch(self.run_, m, log="all", log_freq=2)
        for _ in range(4):
            m.hooks[0](m, None, None)
            m.w.hooks[0](Parameter(6.0, 8.0))
        keys = {k: v for row, commit in self.run_.rows for k, v in row.items() if commit is False}
        self.assertEqual(
            (keys["parameters/w/norm"], keys["gradients/w/norm"], keys["gradients/norm"]), (5.0, 10.0, 10.0)
        )
        self.assertEqual(len(self.run_.rows), 4)
        self.assertEqual(sum(keys["gradients/w"].histogram), 2)
        unwatch(self.run_, m)
        self.assertEqual((m.hooks, m.w.hooks), ([], []))
        with self.assertRaises(TypeError):
            watch(self.run_, object())

    def test_what_is_not_used(self) -> None:
        self.run_._ignored = ["monitor_gym"]
        for _ in range(2):
            watch(self.run_, Module(), log_graph=True)
        self.assertEqual(self.run_.records, [{"tags": {"ignored": "monitor_gym watch.log_graph"}}])


if __name__ == "__main__":
    unittest.main()
