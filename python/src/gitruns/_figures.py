"""Turns figures, images and clips of other libraries into media.

It recognizes them by the name of their module, so that it never imports a library that the program does not use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def media_of(value: Any) -> Any:
    """Return the media object for a figure of another library, or None.

    It accepts figures of matplotlib (also axes and pyplot itself), seaborn and plotly, images of PIL, and clips of
    moviepy.
    """
    module = (getattr(value, "__name__", "") if type(value).__name__ == "module" else type(value).__module__) or ""
    top = module.partition(".")[0]
    drawn = top == "matplotlib" and (
        module == "matplotlib.pyplot" or hasattr(value, "savefig") or hasattr(value, "figure")
    )
    if drawn or top == "PIL" and hasattr(value, "save") or top == "seaborn" and hasattr(value, "savefig"):
        from ._image import Image

        return Image(value)
    if top == "plotly" and hasattr(value, "to_json"):
        from ._media import Plotly

        return Plotly(value)
    if top == "moviepy" and hasattr(value, "write_videofile"):
        from ._video import Video

        return Video(value)
    return None
