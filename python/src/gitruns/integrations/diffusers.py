"""Recording of what pipelines of diffusers generate: the prompts, the settings and the images.

import gitruns
from gitruns.integrations.diffusers import autolog

with gitruns.init(project="birds"):
    with autolog():
        pipeline("a heron at a lake", num_inference_steps=20)
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from diffusers import DiffusionPipeline

import gitruns

from ._current import current, guarded


class autolog:  # noqa: N801 (it is called like a function)
    """Record each call of a pipeline.

    The recording ends with the `with` block, or with disable(). A call gets the next step of the run. Its images are
    recorded under `images`, its texts under `prompt` and `negative_prompt`, and its numbers under
    `pipeline/<argument>`. Classes of pipelines that are imported later are recorded too. A call raises gitruns.Error if
    there is no run.

    Args:
        run: The run to record to. The default is the active run at the time of a call.
    """

    def __init__(self, run: Any = None) -> None:
        self._given = run
        self._replaced: dict[type, Any] = {}
        self._depth = 0
        self._enabled = True
        for cls in _pipelines(DiffusionPipeline):
            self._replace(cls)
        recorder = self

        def imported(cls: Any, /, **kwargs: Any) -> None:  # diffusers imports each class when it is first used
            super(DiffusionPipeline, cls).__init_subclass__(**kwargs)
            recorder._replace(cls)

        self._before = DiffusionPipeline.__dict__.get("__init_subclass__")
        DiffusionPipeline.__init_subclass__ = classmethod(imported)

    def _replace(self, cls: type) -> None:
        call = cls.__dict__.get("__call__")
        if call is None or cls in self._replaced:
            return
        self._replaced[cls] = call
        recorder = self

        @functools.wraps(call)
        def recorded(pipeline: Any, *args: Any, **kwargs: Any) -> Any:
            run = current(recorder._given, "a pipeline with autolog()")
            recorder._depth += 1
            try:
                result = call(pipeline, *args, **kwargs)
            finally:
                recorder._depth -= 1
            if recorder._depth == 0:  # of a pipeline that calls others, the outermost call counts
                recorder._record(run, call, pipeline, args, kwargs, result)
            return result

        setattr(cls, "__call__", recorded)  # noqa: B010

    @guarded
    def _record(
        self, run: Any, call: Any, pipeline: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        row: dict[str, Any] = {}
        bound = inspect.signature(call).bind(pipeline, *args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if name in ("prompt", "negative_prompt") and value is not None:
                row[name] = value if isinstance(value, str) else [str(v) for v in value]
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                row["pipeline/" + name] = value
        images = getattr(result, "images", None)
        if images is None and isinstance(result, tuple) and result:
            images = result[0]
        captions = row.get("prompt")
        if images is not None:
            listed = list(images)
            texts = [captions] * len(listed) if isinstance(captions, str) else list(captions or ())
            row["images"] = [
                gitruns.Image(image, caption=texts[i * len(texts) // len(listed)] if texts else None)
                for i, image in enumerate(listed)
            ]
        row["pipeline"] = type(pipeline).__name__
        run.log(row)

    def disable(self) -> None:
        """Restore the pipelines."""
        for cls, call in self._replaced.items():
            setattr(cls, "__call__", call)  # noqa: B010
        if not self._enabled:
            return
        self._enabled = False
        if self._before is not None:
            DiffusionPipeline.__init_subclass__ = self._before
        else:
            del DiffusionPipeline.__init_subclass__
        self._replaced.clear()

    def __enter__(self) -> autolog:
        return self

    def __exit__(self, *error: Any) -> None:
        self.disable()


def _pipelines(cls: Any) -> list[type]:
    found: list[type] = [cls]
    for sub in cls.__subclasses__():
        found += _pipelines(sub)
    return found
