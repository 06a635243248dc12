"""A writer of PNG and animated PNG, which needs only zlib: 8 bits per channel, gray, gray with alpha, RGB or RGBA.

Imports no other module of the package.
"""

from __future__ import annotations

import zlib
from struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_COLOR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def rows_of(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Return pixels as rows from the top, each after a filter byte of 0, for none.

    Raises ValueError if the number of bytes is not height x width x channels.
    """
    n = width * channels
    if len(pixels) != n * height:
        raise ValueError(f"an image of {height} x {width} x {channels} must have {n * height} bytes, got {len(pixels)}")
    return b"".join(b"\0" + pixels[i : i + n] for i in range(0, n * height, n))


def _head(width: int, height: int, channels: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, _COLOR_TYPE[channels], 0, 0, 0))


def encode(pixels: bytes, width: int, height: int, channels: int, level: int = 4) -> bytes:
    """Return a PNG of height x width x channels bytes, rows from the top.

    Raises ValueError if the number of bytes is wrong.
    """
    if width < 1 or height < 1 or channels not in _COLOR_TYPE:
        raise ValueError(f"a PNG must have pixels and 1 to 4 channels, got {height} x {width} x {channels}")
    return (
        _head(width, height, channels)
        + _chunk(b"IDAT", zlib.compress(rows_of(pixels, width, height, channels), level))
        + _chunk(b"IEND", b"")
    )


def animate(frames: Any, width: int, height: int, channels: int, fps: float, level: int = 4) -> bytes:
    """Return an animated PNG that repeats forever.

    Each frame has height x width x channels bytes.

    Raises ValueError if there are no frames or no pixels.
    """
    frames = list(frames)
    if not frames or width < 1 or height < 1 or channels not in _COLOR_TYPE:
        raise ValueError("a video must have frames, pixels and 1 to 4 channels")
    delay = max(1, min(65535, round(1000 / fps)))  # in ms
    parts = [_head(width, height, channels), _chunk(b"acTL", pack(">II", len(frames), 0))]
    number = 0
    for i, frame in enumerate(frames):
        parts.append(_chunk(b"fcTL", pack(">IIIIIHHBB", number, width, height, 0, 0, delay, 1000, 0, 0)))
        number += 1
        data = zlib.compress(rows_of(frame, width, height, channels), level)
        if i == 0:
            parts.append(_chunk(b"IDAT", data))
        else:
            parts.append(_chunk(b"fdAT", pack(">I", number) + data))
            number += 1
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)
