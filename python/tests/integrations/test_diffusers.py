"""autolog for diffusers, with pipelines that make images without a model."""

from __future__ import annotations

import unittest
from typing import Any

from library import Training, need


def setUpModule() -> None:
    need("diffusers", "torch", "PIL")


class Record(Training):
    def test_call(self) -> None:
        from diffusers import DiffusionPipeline
        from PIL import Image

        import gitruns
        from gitruns.integrations.diffusers import autolog

        class Inner(DiffusionPipeline):
            def __call__(self, prompt: Any, n: int = 1) -> Any:
                return ([Image.new("RGB", (2, 2)) for _ in range(n)],)

        original = Inner.__call__
        with gitruns.init(), autolog():

            class Outer(DiffusionPipeline):  # imported after autolog
                def __call__(self, prompt: Any, num_inference_steps: int = 7, **more: Any) -> Any:
                    return Inner()(prompt, n=2)

            Outer()("a heron", num_inference_steps=3)
            Inner()(["a lake", "a hill"], n=2)
        self.assertIs(Inner.__call__, original)
        r = self.show()
        self.assertEqual(self.points("pipeline/num_inference_steps"), [(0, 3.0)])
        images = [a for a in r["artifacts"] if a.get("key") == "images"]
        self.assertEqual([(a["step"], a.get("caption")) for a in images if a["step"] == 0], [(0, "a heron")] * 2)
        self.assertEqual([a.get("caption") for a in images if a["step"] == 1], ["a lake", "a hill"])
        Inner()("nothing is recorded any more")


if __name__ == "__main__":
    unittest.main()
