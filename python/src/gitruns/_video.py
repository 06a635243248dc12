"""Video: a file, or frames that an installed encoder writes. Without an encoder the frames become an animated PNG.

To support another encoder, add a function beside _imageio, _moviepy and _cv2.
"""

from __future__ import annotations

import os
import sys

from ._media import Media, Place, _failure, _numpy_of, extension_of
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_FORMATS = ("gif", "mp4", "webm", "ogg", "png")


class Video(Media):
    """A video.

    Frames are bytes or floats in [0, 1] of shape (T, C, H, W) with C = 1, 3 or 4. The shape (N, T, C, H, W) shows N
    videos side by side.

    Args:
        data_or_path: The path of a file, a moviepy clip, or frames.
        caption: A line of text.
        fps: Frames per second, 4 by default. A file has its own.
        format: "gif" (the default), "mp4", "webm" or "ogg", written by imageio, moviepy or cv2, or "png" for an
            animated PNG. If no encoder can write the format, the result is an animated PNG, with a warning.

    Raises:
        ValueError: format has another value.
    """

    def __init__(
        self, data_or_path: Any, caption: str | None = None, fps: float | None = None, format: str | None = None
    ) -> None:
        kind = (format or "gif").lower().lstrip(".")
        if kind not in _FORMATS:
            raise ValueError(f"Video: format must be one of {', '.join(_FORMATS)}, got {format!r}")
        self.caption = caption or ""
        self._path: str | None = None
        self._data = b""
        self._extension = "." + kind
        if isinstance(data_or_path, (str, bytes)) or hasattr(data_or_path, "__fspath__"):
            self._path = os.path.abspath(os.fsdecode(os.fspath(data_or_path)))
            self._extension = extension_of(self._path, ".mp4")
            if fps is not None:
                warn_once("video fps", "Video(fps=) is not used for a file, because the file has its own frame rate")
            return
        try:
            if hasattr(data_or_path, "read"):
                self._data = data_or_path.read()
            elif hasattr(data_or_path, "write_videofile"):
                self._data = _through_file(
                    "." + (kind if format else "mp4"), lambda path: _clip(data_or_path, path, fps)
                )
                self._extension = "." + (kind if format else "mp4")
            else:
                self._encode(data_or_path, fps or 4, kind)
        except Exception as e:
            self._error = f"reading the video: {_failure(e)}"

    def _encode(self, data: Any, fps: float, kind: str) -> None:
        frames, width, height, channels = _frames(data)
        if kind != "png":
            for encoder in (_imageio, _moviepy, _cv2):
                try:
                    self._data = _through_file(
                        "." + kind, lambda path, encoder=encoder: encoder(frames, width, height, channels, fps, path)
                    )
                except Exception:  # not installed, or without this format: try the next
                    continue
                if self._data:
                    return
            warn_once(
                ("video", kind),
                f"no encoder for {kind} is installed; videos are kept as animated PNG "
                "(run 'pip install imageio[ffmpeg]')",
            )
        from ._png import animate

        self._extension = ".png"
        self._data = animate(frames, width, height, channels, fps)

    def _put(self, place: Place) -> str:
        if self._path is not None:
            return place.put(self._extension, "video", path=self._path, caption=self.caption)
        return place.put(self._extension, "video", self._data, caption=self.caption)


def _frames(data: Any) -> tuple[list[Any], int, int, int]:
    """Return frames as bytes, with their width, height and channels.

    Raises ValueError if the shape is wrong.
    """
    data = _numpy_of(data)
    numpy = sys.modules.get("numpy")
    if numpy is not None and not isinstance(data, numpy.ndarray):
        data = numpy.asarray(data)
    if numpy is None:
        from ._image import _lists

        rows = data.tolist() if hasattr(data, "tolist") else data
        made = [_lists(frame, True, True) for frame in rows]
        if not made or len({m[1:] for m in made}) != 1:
            raise ValueError("the frames must have one size and the shape (T, C, H, W)")
        return [m[0] for m in made], *made[0][1:]
    if data.ndim == 5:
        n, t, c, h, w = data.shape
        data = data.transpose(1, 2, 3, 0, 4).reshape(t, c, h, n * w)
    if data.ndim != 4 or 0 in data.shape:
        raise ValueError(f"the shape must be (T, C, H, W), got {tuple(data.shape)}")
    if data.shape[1] not in (1, 3, 4) and data.shape[3] in (1, 3, 4):
        warn_once(
            "video axes",
            "the frames of a video have the shape (T, H, W, C) and were read as such; the usual shape is (T, C, H, W)",
        )
    else:
        data = data.transpose(0, 2, 3, 1)
    if data.shape[3] > 4:
        raise ValueError(f"the shape must be (T, C, H, W) with 1, 3 or 4 channels, got {data.shape[3]} channels")
    if data.dtype != numpy.uint8:
        from ._image import bytes_of

        data = bytes_of(numpy, data)
    return [frame.tobytes() for frame in data], data.shape[2], data.shape[1], data.shape[3]


def _through_file(ending: str, write: Any) -> bytes:
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="gitruns-video-")
    try:
        path = os.path.join(folder, "video" + ending)
        write(path)
        with open(path, "rb") as f:
            return f.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _arrays(frames: list[Any], width: int, height: int, channels: int) -> list[Any]:
    import numpy

    made = [numpy.frombuffer(f, numpy.uint8).reshape(height, width, channels) for f in frames]
    return [numpy.repeat(f, 3, axis=2) if channels < 3 else f[:, :, :3] for f in made]


def _imageio(frames: list[Any], width: int, height: int, channels: int, fps: float, path: str) -> None:
    import imageio.v2 as imageio

    # ffmpeg widens frames to a multiple of macro_block_size pixels unless it is 1; gif counts milliseconds.
    more = {"duration": 1000 / fps, "loop": 0} if path.endswith(".gif") else {"fps": fps, "macro_block_size": 1}
    imageio.mimwrite(path, _arrays(frames, width, height, channels), **more)


def _moviepy(frames: list[Any], width: int, height: int, channels: int, fps: float, path: str) -> None:
    try:
        from moviepy import ImageSequenceClip
    except ImportError:
        from moviepy.editor import ImageSequenceClip

    _clip(ImageSequenceClip(_arrays(frames, width, height, channels), fps=fps), path, fps)


def _clip(clip: Any, path: str, fps: float | None) -> None:
    if path.endswith(".gif"):
        clip.write_gif(path, fps=fps, logger=None)
    else:
        clip.write_videofile(
            path, fps=fps, audio=path.endswith(".mp4") and getattr(clip, "audio", None) is not None, logger=None
        )


def _cv2(frames: list[Any], width: int, height: int, channels: int, fps: float, path: str) -> None:
    codec = {"mp4": "mp4v", "webm": "VP80", "ogg": "THEO"}[path.rpartition(".")[2]]
    import cv2

    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*codec), fps, (width, height))
    if not writer.isOpened():
        raise OSError("cv2 cannot write this format")
    for frame in _arrays(frames, width, height, channels):
        writer.write(frame[:, :, ::-1].copy())
    writer.release()
