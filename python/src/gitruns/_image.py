"""Image: the constructor turns its data into a PNG at once, because the program may change the data afterwards."""

from __future__ import annotations

import os
import sys

from . import _png
from ._media import Media, Place, _failure, _numpy_of, extension_of
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_GRID = 8  # images in a row of a batch


class Image(Media):
    """An image, copied when the object is made.

    Pixels are an array of shape (H, W) or (H, W, C) with 1 to 4 channels, or a torch tensor of shape (H, W), (C, H, W)
    or (N, C, H, W), which becomes a grid. uint8 stays as it is, and bool is black and white. Floats in [0, 1] are
    multiplied by 255. If some numbers are negative, all are first scaled to [0, 1] from the smallest to the largest.
    Other numbers are clipped to 0 to 255. NaN is black.

    Args:
        data_or_path: The path of a file, a PIL image, a matplotlib figure, or pixels.
        mode: The PIL mode to convert to. For pixels this requires PIL.
        caption: A line of text.
        grouping: Kept as data with the image.
        classes: Kept as data with the image.
        boxes: Kept as data with the image. `runs ui` draws them over it.
        masks: Kept as data with the image, each as a PNG of its classes. `runs ui` draws them over it.
        file_type: The format of the file. Any but "png" requires PIL.
        normalize: If False, numbers are not scaled, only clipped to 0 to 255.
    """

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Any = None,
        boxes: Any = None,
        masks: Any = None,
        file_type: str | None = None,
        normalize: bool = True,
    ) -> None:
        self.caption = str(caption) if caption is not None else ""
        self.width = self.height = 0
        self._path: str | None = None
        self._data = b""
        self._extension = ".png"
        self._annotations: dict[str, Any] = {
            k: v
            for k, v in (("classes", classes), ("boxes", boxes), ("masks", masks), ("grouping", grouping))
            if v is not None
        }
        try:
            self._read(data_or_path, mode, normalize, (file_type or "").lower().lstrip("."))
            if masks:
                self._annotations["masks"] = {name: _mask(mask) for name, mask in dict(masks).items()}
        except Exception as e:
            self._error = f"reading the image: {_failure(e)}"

    def _read(self, data: Any, mode: str | None, normalize: bool, file_type: str) -> None:
        if isinstance(data, Image):
            self.width, self.height = data.width, data.height
            self._path, self._data, self._extension = data._path, data._data, data._extension
            self.caption = self.caption or data.caption
            self._annotations = {**data._annotations, **self._annotations}
            return
        if isinstance(data, (str, bytes)) or hasattr(data, "__fspath__"):
            self._path = os.path.abspath(os.fsdecode(os.fspath(data)))
            self._extension = extension_of(self._path, ".png")
            return
        figure = _figure(data)
        if figure is not None:
            import io

            out = io.BytesIO()
            figure.savefig(out, format="png")
            self._data = out.getvalue()
            self.width, self.height = _size(self._data)
            return
        if (type(data).__module__ or "").partition(".")[0] == "PIL":
            self._pil(data if mode is not None else _byte_pixels(data, normalize), mode, file_type)
            return
        pixels, self.width, self.height, channels = pixels_of(data, normalize)
        other = file_type not in ("", "png")
        if mode is not None or other:
            pil = _pil_image()
            if pil is not None:
                mode_of = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
                self._pil(pil.frombytes(mode_of[channels], (self.width, self.height), pixels), mode, file_type)
                return
            warn_once(
                ("image", mode, file_type),
                "Image: mode and file_type require PIL; the image was kept as PNG (run 'pip install pillow')",
            )
        self._data = _png.encode(pixels, self.width, self.height, channels)

    def _pil(self, image: Any, mode: str | None, file_type: str) -> None:
        import io

        self.width, self.height = image.size
        if mode is not None and image.mode != mode:
            image = image.convert(mode)
        kind = {"jpg": "JPEG", "jpeg": "JPEG", "": "PNG"}.get(file_type, file_type.upper())
        if kind == "JPEG" and image.mode not in ("L", "RGB"):
            image = image.convert("RGB")
        elif kind == "PNG" and image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image = image.convert("I").convert("I;16") if image.mode.startswith("I") else image.convert("RGB")
        out = io.BytesIO()
        image.save(out, kind)
        self._data = out.getvalue()
        self._extension = "." + file_type if file_type.isalnum() else ".png"

    @property
    def image(self) -> Any:
        """The image as a PIL image. Raises ImportError if PIL is not installed."""
        import io

        from PIL import Image as Pil

        return Pil.open(self._path or io.BytesIO(self._data))

    def _put(self, place: Place) -> str:
        if self._path is not None:
            name = place.put(self._extension, "image", path=self._path, caption=self.caption)
        else:
            name = place.put(self._extension, "image", self._data, caption=self.caption)
        if self._annotations:
            import json

            from ._values import plain

            kept = dict(self._annotations)
            if "masks" in kept:
                kept["masks"] = {}
                for i, (mask, (data, path, labels)) in enumerate(self._annotations["masks"].items()):
                    ending = extension_of(path, ".png") if path else ".png"
                    file = place.part(f".mask{i}").put(ending, "file", data, path)
                    kept["masks"][str(mask)] = {"file": file, "class_labels": plain(labels)}
            place.put(".json", "file", json.dumps(plain(kept)).encode())
        return name

    def __repr__(self) -> str:
        return f"<gitruns.Image {self._path or f'{self.width} x {self.height}'}>"


def _mask(mask: Any) -> tuple[Any, ...]:
    """Return the PNG of a mask's classes or the path of its file, and its labels.

    mask is W&B's {"mask_data": classes of shape (H, W), "class_labels": …} or {"path": …, "class_labels": …}.
    """
    labels = mask.get("class_labels") or {}
    if "path" in mask:
        return None, os.path.abspath(os.fspath(mask["path"])), labels
    pixels, width, height, channels = pixels_of(mask["mask_data"], False)
    return _png.encode(pixels, width, height, channels), None, labels


def _pil_image() -> Any:
    try:
        from PIL import Image as Pil
    except ImportError:
        return None
    return Pil


def _byte_pixels(image: Any, normalize: bool) -> Any:
    """Return a PIL image of floats as one of bytes.

    The rules are those for arrays. Any other image is returned as it is.
    """
    if image.mode != "F":
        return image
    from array import array

    flat = array("f", image.tobytes()).tolist()
    width = image.width
    pixels, width, height, _ = pixels_of([flat[i : i + width] for i in range(0, len(flat), width)], normalize)
    return _pil_image().frombytes("L", (width, height), pixels)


def _figure(data: Any) -> Any:
    """Return the matplotlib figure that data is or belongs to, or None.

    pyplot stands for its current figure.
    """
    if type(data).__name__ == "module" and getattr(data, "__name__", "") == "matplotlib.pyplot":
        return data.gcf()
    if hasattr(data, "savefig"):
        return data
    figure = getattr(data, "figure", None)
    return figure if hasattr(figure, "savefig") else None


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def pixels_of(data: Any, normalize: bool = True) -> tuple[bytes, int, int, int]:
    """Return the bytes, width, height and number of channels of pixels.

    data is an array, a tensor or nested lists. See Image. Raises ValueError if the shape is not that of an image.
    """
    tensor = hasattr(data, "detach")
    data = _numpy_of(data)
    numpy = sys.modules.get("numpy")
    if numpy is not None and (
        isinstance(data, numpy.ndarray) or hasattr(data, "__array__") or isinstance(data, (list, tuple))
    ):
        return _array(numpy, numpy.asarray(data), tensor, normalize)
    return _lists(data.tolist() if hasattr(data, "tolist") else data, tensor, normalize)


def _array(numpy: Any, a: Any, tensor: bool, normalize: bool) -> tuple[bytes, int, int, int]:
    if tensor and a.ndim == 4:
        a = _grid(numpy, a)
    while a.ndim > 3 and a.shape[0] == 1:
        a = a[0]
    if a.ndim == 3 and (tensor or a.shape[2] > 4) and a.shape[0] <= 4:
        a = a.transpose(1, 2, 0)
    if a.ndim == 3 and a.shape[2] == 1:
        a = a[:, :, 0]
    if a.ndim not in (2, 3) or a.ndim == 3 and not 1 <= a.shape[2] <= 4 or 0 in a.shape:
        raise ValueError(
            f"the shape must be (H, W), (H, W, C) with 1 to 4 channels, or (C, H, W) for a tensor, got {tuple(a.shape)}"
        )
    if a.dtype != numpy.uint8:
        a = bytes_of(numpy, a, normalize)
    channels = a.shape[2] if a.ndim == 3 else 1
    return a.tobytes(), a.shape[1], a.shape[0], channels


def bytes_of(numpy: Any, a: Any, normalize: bool = True) -> Any:
    """Return numbers of any kind as uint8. See Image."""
    if a.dtype == numpy.bool_:
        return a.astype(numpy.uint8) * numpy.uint8(255)
    if a.dtype.kind not in "fiu":
        raise ValueError(f"pixels must be numbers or bool, got {a.dtype}")
    if a.dtype.kind == "f":
        a = numpy.nan_to_num(a.astype(numpy.float32), nan=0.0, posinf=255.0, neginf=0.0)
    if normalize and a.size:
        low, high = a.min(), a.max()
        if low < 0:
            a = (a.astype(numpy.float32) - low) / (high - low if high > low else 1)
            high = a.max()
        if a.dtype.kind == "f" and high <= 1:
            a = a * 255
    return numpy.clip(a, 0, 255).astype(numpy.uint8)


def _grid(numpy: Any, a: Any) -> Any:
    """Return a batch (N, C, H, W) as one image (C, H', W').

    A row has 8 images, with 2 pixels between them.
    """
    n, c, h, w = a.shape
    across = min(_GRID, n)
    down = -(-n // across)
    out = numpy.zeros((c, down * (h + 2) + 2, across * (w + 2) + 2), a.dtype)
    for i in range(n):
        y, x = divmod(i, across)
        out[:, y * (h + 2) + 2 : y * (h + 2) + 2 + h, x * (w + 2) + 2 : x * (w + 2) + 2 + w] = a[i]
    return out


def _lists(rows: Any, tensor: bool, normalize: bool) -> tuple[bytes, int, int, int]:
    """Do the same as _array, without numpy."""
    shape: list[Any] = []
    at = rows
    while isinstance(at, (list, tuple)):
        shape.append(len(at))
        at = at[0] if at else None
    if len(shape) == 3 and (tensor or shape[2] > 4) and shape[0] <= 4:
        rows = [[[rows[c][y][x] for c in range(shape[0])] for x in range(shape[2])] for y in range(shape[1])]
        shape = [shape[1], shape[2], shape[0]]
    if len(shape) not in (2, 3) or 0 in shape or len(shape) == 3 and shape[2] > 4:
        raise ValueError(f"the shape must be (H, W) or (H, W, C) with 1 to 4 channels, got {tuple(shape)}")
    height, width, channels = shape[0], shape[1], shape[2] if len(shape) == 3 else 1
    flat = [v for row in rows for v in row]
    if len(shape) == 3:
        flat = [v for pixel in flat for v in pixel]
    if all(isinstance(v, bool) for v in flat):
        flat = [255 * v for v in flat]
    else:
        some = any(isinstance(v, float) for v in flat)
        flat = [v if v - v == 0 else 255 if v > 0 else 0 for v in flat]
        if normalize:
            low, high = min(flat), max(flat)
            if low < 0:
                flat = [(v - low) / ((high - low) or 1) for v in flat]
                some, high = True, 1
            if some and high <= 1:
                flat = [v * 255 for v in flat]
    data = bytes(max(0, min(255, int(v))) for v in flat)
    if len(data) != height * width * channels:
        raise ValueError("the rows must have equal lengths")
    return data, width, height, channels
