"""Media: objects that log() keeps as files of the run, in open formats, with their key and step.

Histogram, Audio, Html and Plotly are here, Image, Video and Table in modules of their own. A new kind of media is a
subclass of Media with `_put`. numpy, torch and others are used only if the program has imported them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from . import _files
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

MAX_BINS = 512
BINS = 64
MAX_EXTENSION = 20  # characters, including the dot


class Place:
    """The place of one media object's files in the run.

    Their names begin with media/<key>_<step>_<n>.
    """

    def __init__(self, run: Any, key: str, step: int, n: int) -> None:
        self.run, self.key, self.step = run, key, step
        self.stem = f"media/{_files.stem(key)}_{step}_{n}"

    def put(
        self, extension: str, kind: str, data: bytes | None = None, path: str | None = None, caption: str = ""
    ) -> str:
        """Write data, or a copy of path, to a file of the run, and return its name.

        Raises OSError if the file cannot be written.
        """
        name = self.stem + extension
        top = os.path.join(self.run._folder, "artifacts")
        to = os.path.join(top, *name.split("/"))
        taken = _written.setdefault(os.getpid(), set())
        if to not in taken and os.path.lexists(to):  # another process of the run logged the same key at this step
            name = f"{self.stem}-{os.getpid()}{extension}"
            to = os.path.join(top, *name.split("/"))
        taken.add(to)
        _files.no_links(top, name)
        staging = _files.staging(self.run)
        digest, size = _files.write(to, data, staging) if data is not None else _files.copy(path or "", to, staging)
        _files.line(self.run, to, name, kind, digest, size, self.key, self.step, caption)
        return name

    def part(self, suffix: str) -> Place:
        """Return the place of an object inside this one, such as a cell of a table."""
        other = Place.__new__(Place)
        other.run, other.key, other.step, other.stem = self.run, self.key, self.step, self.stem + suffix
        return other


_written: dict[int, set[str]] = {}  # the files that each process wrote


class Unreadable(Exception):
    """The data of a media object could not be read. Its text says why."""


class Media:
    """An object that log() keeps as files.

    The constructor raises an error only if its arguments are wrong. If the data cannot be read, log() reports why.
    """

    _gitruns_media = True
    _error = ""
    caption: str = ""

    def _put(self, place: Place) -> str:
        """Write the files, and return the name of the first."""
        raise NotImplementedError


def _failure(e: BaseException) -> str:
    """Return an error as text, for the end of a message."""
    if isinstance(e, Unreadable):
        return str(e)
    if isinstance(e, OSError):
        return f"{e.filename}: {e.strerror}" if e.filename else e.strerror or str(e)
    return f"{type(e).__name__}: {e}"


def to_list(data: Any) -> list[Any]:
    """Return numbers as one list.

    data is a sequence, an array of any shape, or a tensor on any device.
    """
    if hasattr(data, "detach"):
        data = data.detach()
    if getattr(data, "is_sparse", False):
        data = data.to_dense()
    for flat in ("ravel", "flatten"):
        if hasattr(data, flat):
            data = getattr(data, flat)()
            break
    if hasattr(data, "tolist"):
        data = data.tolist()
    if not isinstance(data, (list, tuple)):
        data = list(data)
    out: list[Any] = []
    stack = [iter(data)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, (list, tuple)):
                stack.append(iter(item))
                break
            if hasattr(item, "tolist"):
                item = item.tolist()
                if isinstance(item, list):
                    stack.append(iter(item))
                    break
            out.append(float(item))
        else:
            stack.pop()
    return out


def sparse(value: Any) -> tuple[Any, int]:
    """Return the stored numbers of a sparse tensor, and the number of its zeros.

    Any other value is returned as it is, with 0.
    """
    if getattr(value, "is_sparse_csr", False):
        value = value.to_sparse()
    if not getattr(value, "is_sparse", False):
        return value, 0
    held = value.detach().coalesce().values()
    return held, value.numel() - held.numel()


def counted(data: Any, bins: int) -> tuple[list[Any], list[Any], dict[str, int]]:
    """Count the numbers of a list, an array or any tensor into bins. See count."""
    data, zeros = sparse(data)
    return count(_numpy_of(data), bins, zeros)


def non_finite_counts(nan: int, inf: int, minus: int) -> dict[str, int]:
    """Return the counts of non-finite numbers, without those that are 0.

    They have the form of a histogram's value.
    """
    return {name: n for name, n in (("nan", nan), ("inf", inf), ("-inf", minus)) if n}


def warn_non_finite(key: str, non_finite: dict[str, int]) -> None:
    """Warn, once per key, that a histogram has numbers that are not finite."""
    if non_finite:
        counts = ", ".join(f"{n} {name}" for name, n in non_finite.items())
        warn_once(("non_finite", key), f"{key}: the histogram has {counts}; they are counted separately from its bins")


def count(data: Any, bins: int, zeros: int = 0) -> tuple[list[Any], list[Any], dict[str, int]]:
    """Count numbers into bins of equal width from the smallest to the largest.

    zeros is a number of zeros to count in addition to data. Returns bins + 1 edges, bins counts, and the
    non_finite_counts. Raises TypeError for complex numbers.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(data, numpy.ndarray):
        flat = data.ravel()
        if flat.dtype.kind == "c":
            raise TypeError("complex numbers cannot be ordered")
        if flat.dtype == object:
            return count([float(v) for v in flat], bins, zeros)
        every = flat.astype(numpy.float64)
        flat = every[numpy.isfinite(every)]
        non_finite: dict[str, int] = {}
        if flat.size != every.size:
            masks = numpy.isnan(every), every == numpy.inf, every == -numpy.inf
            non_finite = non_finite_counts(*(int(mask.sum()) for mask in masks))
        if flat.size == 0:
            return [0.0, 1.0], [zeros], non_finite
        low, high = _range(*with_zeros(float(flat.min()), float(flat.max()), zeros))
        counts, edges = numpy.histogram(flat, bins=bins, range=(low, high))
        return edges.tolist(), add_zeros(counts.tolist(), low, high, zeros), non_finite
    given = to_list(data)
    numbers = [v for v in given if v - v == 0]
    infinite = [v for v in given if v - v != 0 and v == v]
    non_finite = non_finite_counts(
        len(given) - len(numbers) - len(infinite), sum(v > 0 for v in infinite), sum(v < 0 for v in infinite)
    )
    if not numbers:
        return [0.0, 1.0], [zeros], non_finite
    low, high = _range(*with_zeros(min(numbers), max(numbers), zeros))
    counts = [0] * bins
    width = high / bins - low / bins
    for v in numbers:
        counts[min(bins - 1, max(0, int((v - low) / width)))] += 1
    return [low + i * width for i in range(bins)] + [high], add_zeros(counts, low, high, zeros), non_finite


def with_zeros(low: float, high: float, zeros: int) -> tuple[float, float]:
    """Return the smallest and the largest number if zeros are added."""
    return (min(low, 0.0), max(high, 0.0)) if zeros else (low, high)


def add_zeros(counts: list[Any], low: float, high: float, zeros: int) -> list[Any]:
    """Add a number of zeros to the counts of bins from low to high."""
    if zeros:
        counts[min(len(counts) - 1, int(-low / (high - low) * len(counts)))] += zeros
    return counts


def _range(low: float, high: float) -> tuple[float, float]:
    # If all numbers are equal, or too close for a bin between them, the range is widened on both sides.
    if not high - low > abs(high) * 1e-12:
        room = max(0.5, abs(low) * 1e-9)
        return low - room, high + room
    return low, high


class Histogram(Media):
    """A histogram: the counts of numbers in bins.

    It is recorded as a value, not as a file.

    NaN and infinities are in no bin. The attribute non_finite counts them under nan, inf and -inf.

    Args:
        sequence: Numbers: a sequence, an array of any shape, or a tensor.
        np_histogram: Counts and edges, as numpy.histogram returns them, in place of sequence.
        num_bins: The number of bins, 1 to 512.

    Raises:
        ValueError: Neither sequence nor np_histogram is given, or a size is wrong.
        TypeError: sequence is not a sequence of numbers.
    """

    MAX_LENGTH = MAX_BINS

    def __init__(self, sequence: Any = None, np_histogram: Any = None, num_bins: int = BINS) -> None:
        self.bins: list[Any] = []
        self.histogram: list[Any] = []
        self.non_finite: dict[str, int] = {}
        if np_histogram is not None:
            if (
                not isinstance(np_histogram, (list, tuple))
                or len(np_histogram) != 2
                or not all(_is_sequence(part) for part in np_histogram)
            ):
                raise ValueError("Histogram: np_histogram must be (counts, edges), two sequences of numbers")
            counts, edges = (list(to_list(part)) for part in np_histogram)
            if len(edges) != len(counts) + 1:
                raise ValueError(
                    "Histogram: np_histogram must have one more edge than counts, "
                    f"got {len(edges)} edges and {len(counts)} counts"
                )
            if len(counts) > MAX_BINS:
                raise ValueError(f"Histogram: np_histogram must have at most {MAX_BINS} bins, got {len(counts)}")
            self.histogram = [int(c) if c == c // 1 else c for c in counts]
            self.bins = edges
            return
        if sequence is None:
            raise ValueError("Histogram: missing sequence or np_histogram")
        if not _is_sequence(sequence):
            raise TypeError(f"Histogram: sequence must be numbers, an array or a tensor, got {type(sequence).__name__}")
        if not 1 <= num_bins <= MAX_BINS:
            raise ValueError(f"Histogram: num_bins must be 1 to {MAX_BINS}, got {num_bins}")
        try:
            self.bins, self.histogram, self.non_finite = counted(sequence, num_bins)
        except Exception as e:
            self._error = f"reading the numbers of the histogram: {_failure(e)}"

    def _value(self) -> dict[str, Any]:
        return {"_type": "histogram", "bins": self.bins, "values": self.histogram, **self.non_finite}

    def __repr__(self) -> str:
        return f"<gitruns.Histogram of {len(self.histogram)} bins>"


def _numpy_of(value: Any) -> Any:
    """Return a tensor as a numpy array, if numpy is imported.

    Any other value is returned as it is.
    """
    if hasattr(value, "detach"):
        value = value.detach()
        if getattr(value, "is_sparse", False):
            value = value.to_dense()
        if hasattr(value, "cpu"):
            value = value.cpu()
        if "numpy" in sys.modules and hasattr(value, "numpy"):
            if "bfloat16" in str(getattr(value, "dtype", "")):
                value = value.float()
            return value.numpy()
        return value
    numpy = sys.modules.get("numpy")
    if numpy is not None and not isinstance(value, (numpy.ndarray, list, tuple)):
        if hasattr(value, "__array__"):
            return numpy.asarray(value)
    return value


def _is_sequence(value: Any) -> bool:
    """Report whether value can be a sequence of numbers.

    Text, mappings and single objects cannot.
    """
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        return False
    return (
        hasattr(value, "tolist")
        or hasattr(value, "__iter__")
        or hasattr(value, "__array__")
        or hasattr(value, "detach")
    )


def histogram_of(key: str, array: Any) -> dict[str, Any]:
    """Return the value that an array of many numbers is logged as.

    It is {"_type": "histogram", "bins": n + 1 edges, "values": n counts} with the non_finite_counts.
    """
    edges, counts, non_finite = counted(array, BINS)
    warn_non_finite(key, non_finite)
    return {"_type": "histogram", "bins": edges, "values": counts, **non_finite}


def extension_of(path: str, default: str = "") -> str:
    """Return the extension of a file's name in lower case, with its dot.

    It is default if the name has no usable extension.
    """
    extension = os.path.splitext(path)[1].lower()
    usable = 1 < len(extension) <= MAX_EXTENSION and extension[1:].isalnum() and extension.isascii()
    return extension if usable else default


class Audio(Media):
    """A sound. A file is kept as it is, and samples are kept as 16-bit WAV.

    Args:
        data_or_path: The path of a file, or samples of shape (N,) or (N, channels): floats in [-1, 1] or integers.
        sample_rate: The sample rate in Hz. It is required with samples.
        caption: A line of text.

    Raises:
        ValueError: sample_rate is missing for samples.
    """

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        self.caption = caption or ""
        self._path = self._data = None
        if isinstance(data_or_path, (str, bytes)) or hasattr(data_or_path, "__fspath__"):
            self._path = os.path.abspath(os.fsdecode(os.fspath(data_or_path)))
            return
        if sample_rate is None:
            raise ValueError("Audio: samples require sample_rate, in Hz")
        try:
            self._data = _wav(_numpy_of(data_or_path), int(sample_rate))
        except Exception as e:
            self._error = f"reading the samples: {_failure(e)}"

    def _put(self, place: Place) -> str:
        if self._path is not None:
            return place.put(extension_of(self._path, ".wav"), "audio", path=self._path, caption=self.caption)
        return place.put(".wav", "audio", self._data, caption=self.caption)


def _wav(samples: Any, rate: int) -> bytes:
    import io
    import wave
    from array import array

    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(samples, numpy.ndarray):
        if samples.ndim not in (1, 2):
            raise ValueError(f"the shape must be (N,) or (N, channels), got {samples.shape}")
        channels = samples.shape[1] if samples.ndim == 2 else 1
        if samples.dtype.kind == "f":
            samples = numpy.nan_to_num(numpy.clip(samples, -1, 1)) * 32767
        elif samples.dtype == numpy.int32:
            samples = samples >> 16
        elif samples.dtype == numpy.uint8:
            samples = (samples.astype(numpy.int32) - 128) << 8
        data = numpy.clip(numpy.rint(samples), -32768, 32767).astype("<i2").tobytes()
    else:
        rows = samples.tolist() if hasattr(samples, "tolist") else list(samples)
        channels = len(rows[0]) if rows and isinstance(rows[0], (list, tuple)) else 1
        flat = [v for row in rows for v in row] if rows and isinstance(rows[0], (list, tuple)) else rows
        if any(isinstance(v, float) for v in flat):
            flat = [round(max(-1.0, min(1.0, v)) * 32767) if v == v else 0 for v in flat]
        numbers = array("h", [max(-32768, min(32767, int(v))) for v in flat])
        if sys.byteorder == "big":
            numbers.byteswap()
        data = numbers.tobytes()
    if not 1 <= channels <= 64:
        raise ValueError(f"the shape must be (N, channels) with 1 to 64 channels, got {channels} channels")
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(channels)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(data)
    return out.getvalue()


class Html(Media):
    """An HTML page, kept as it is.

    Args:
        data: The text of the page, the path of an .html file, or an open file.
        inject: Not used: nothing is added to the page.
        data_is_not_path: Take a string as text even if it is the path of a file.
        caption: A line of text.

    Raises:
        TypeError: data has another type.
    """

    def __init__(
        self, data: Any, inject: bool = True, data_is_not_path: bool = False, caption: str | None = None
    ) -> None:
        self.caption = caption or ""
        self.html = ""
        if (
            not isinstance(data, (str, bytes, bytearray))
            and not hasattr(data, "read")
            and not hasattr(data, "__fspath__")
        ):
            raise TypeError(f"Html: data must be the text of a page, a path or an open file, got {type(data).__name__}")
        try:
            if hasattr(data, "read"):
                if hasattr(data, "seek"):
                    data.seek(0)
                data = data.read()
            elif (
                hasattr(data, "__fspath__")
                or isinstance(data, str)
                and not data_is_not_path
                and len(data) < 4096
                and data.lower().endswith((".html", ".htm"))
                and os.path.isfile(data)
            ):
                with open(data, "rb") as f:
                    data = f.read()
            self.html = data.decode("utf-8", "replace") if isinstance(data, (bytes, bytearray)) else str(data)
        except Exception as e:
            self._error = f"reading the page: {_failure(e)}"

    def _put(self, place: Place) -> str:
        return place.put(".html", "html", self.html.encode("utf-8", "replace"), caption=self.caption)


class Plotly(Media):
    """A plotly figure, kept as its JSON and as a page.

    The page loads plotly's script when it is opened. log() accepts a plotly figure without this class as well.
    """

    def __init__(self, val: Any) -> None:
        self._json = self._page = ""
        try:
            self._json = val.to_json()
            if hasattr(val, "to_html"):
                self._page = val.to_html(include_plotlyjs="cdn")
        except Exception as e:
            self._error = f"reading the plotly figure: {_failure(e)}"

    def _put(self, place: Place) -> str:
        name = place.put(".plotly.json", "plot", self._json.encode())
        if self._page:
            place.put(".html", "html", self._page.encode())
        return name
