"""PNG and animated PNG by zlib alone: 8 bits a channel, grey, grey with alpha, RGB or RGBA."""

from __future__ import annotations

import zlib
from struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG's colour type by number of channels


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def rows_of(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Pixels in rows from the top, each row behind the byte of its filter, none."""
    n = width * channels
    if len(pixels) != n * height:
        raise ValueError(f"{len(pixels)} bytes are no image of {height} x {width} x {channels}")
    return b"".join(b"\0" + pixels[i : i + n] for i in range(0, n * height, n))


def _head(width: int, height: int, channels: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0))


def encode(pixels: bytes, width: int, height: int, channels: int, level: int = 4) -> bytes:
    """A PNG of height x width x channels bytes, rows from the top. Raises ValueError where the size is not that."""
    if width < 1 or height < 1 or channels not in _COLOUR:
        raise ValueError(f"no PNG has {height} x {width} pixels of {channels} channels")
    return (
        _head(width, height, channels)
        + _chunk(b"IDAT", zlib.compress(rows_of(pixels, width, height, channels), level))
        + _chunk(b"IEND", b"")
    )


def animate(frames: Any, width: int, height: int, channels: int, fps: float, level: int = 4) -> bytes:
    """An animated PNG of frames, each height x width x channels bytes; it repeats for ever. Raises ValueError without frames."""
    frames = list(frames)
    if not frames or width < 1 or height < 1 or channels not in _COLOUR:
        raise ValueError("a video has frames of at least one pixel, and 1 to 4 channels")
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
