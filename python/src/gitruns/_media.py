"""Media: what log() keeps as files of the run in open formats, linked to key and step."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from . import _files
from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

MAX_BINS = 512
BINS = 64
MAX_NAME = 20  # characters of an ending


class Place:
    """Where one object that was logged puts its files: names that begin with media/<key>_<step>_<n>."""

    def __init__(self, run: Any, key: str, step: int, n: int) -> None:
        self.run, self.key, self.step = run, key, step
        self.stem = f"media/{_files.stem(key)}_{step}_{n}"

    def put(self, ending: str, kind: str, data: bytes | None = None, path: str | None = None, caption: str = "") -> str:
        """Write a file of data, or a copy of path, and its journal line; return its name in the run. Raises OSError."""
        name = self.stem + ending
        top = os.path.join(self.run._folder, "artifacts")
        to = os.path.join(top, *name.split("/"))
        taken = _written.setdefault(os.getpid(), set())
        if to not in taken and os.path.lexists(to):  # another process of the run has logged the same key at this step
            name = f"{self.stem}-{os.getpid()}{ending}"
            to = os.path.join(top, *name.split("/"))
        taken.add(to)
        _files.no_links(top, name)
        staging = _files.staging(self.run)
        digest, size = _files.write(to, data, staging) if data is not None else _files.copy(path or "", to, staging)
        _files.line(self.run, to, name, kind, digest, size, self.key, self.step, caption)
        return name

    def part(self, suffix: str) -> Place:
        """The place of an object inside this one, as a cell of a table."""
        other = Place.__new__(Place)
        other.run, other.key, other.step, other.stem = self.run, self.key, self.step, self.stem + suffix
        return other


_written: dict[int, set[str]] = {}  # by process: the files that it wrote


class Media:
    """What log() keeps as files. An object whose data could not be read says why when it is logged. Making one raises only where the call itself is wrong."""

    _gitruns_media = True
    _error = ""
    caption: str = ""

    def _put(self, place: Place) -> str:
        """Write the files; return the name of the first."""
        raise NotImplementedError


def _failure(e: BaseException) -> str:
    return (
        f"{type(e).__name__}: {e}"
        if not isinstance(e, OSError)
        else (f"{e.filename}: {e.strerror}" if e.filename else e.strerror or str(e))
    )


def to_list(data: Any) -> list[Any]:
    """The numbers of a sequence, an array of any shape, a tensor on any device, in one list."""
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
    """The numbers that a sparse tensor holds, and how many zeros it does not; of others themselves and 0."""
    if getattr(value, "is_sparse_csr", False):
        value = value.to_sparse()
    if not getattr(value, "is_sparse", False):
        return value, 0
    held = value.detach().coalesce().values()
    return held, value.numel() - held.numel()


def counted(data: Any, bins: int) -> tuple[list[Any], list[Any], dict[str, int]]:
    """As count, of a list, an array, a tensor of any kind on any device."""
    data, zeros = sparse(data)
    return count(_numpy_of(data), bins, zeros)


def odd_of(nan: int, inf: int, minus: int) -> dict[str, int]:
    """How many numbers no bin takes, as a histogram's value has them: those that there are."""
    return {name: n for name, n in (("nan", nan), ("inf", inf), ("-inf", minus)) if n}


def say_odd(key: str, odd: dict[str, int]) -> None:
    """Say, once a key, that a histogram was made of numbers that are not finite."""
    if odd:
        once(
            ("odd", key),
            f"{key}: {', '.join(f'{n} {name}' for name, n in odd.items())} among the numbers of a histogram; they are counted beside its bins",
        )


def count(data: Any, bins: int, zeros: int = 0) -> tuple[list[Any], list[Any], dict[str, int]]:
    """Edges (bins + 1) and counts (bins) of the finite numbers of data, and of so many zeros more, in bins of one width from
    the least to the greatest; and how many others there are, as odd_of."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(data, numpy.ndarray):
        flat = data.ravel()
        if flat.dtype.kind == "c":
            raise TypeError("complex numbers have no order")
        if flat.dtype == object:
            return count([float(v) for v in flat], bins, zeros)
        every = flat.astype(numpy.float64)
        flat = every[numpy.isfinite(every)]
        odd = (
            odd_of(*(int(n.sum()) for n in (numpy.isnan(every), every == numpy.inf, every == -numpy.inf)))
            if flat.size != every.size
            else {}
        )
        if flat.size == 0:
            return [0.0, 1.0], [zeros], odd
        low, high = _range(*with_zeros(float(flat.min()), float(flat.max()), zeros))
        counts, edges = numpy.histogram(flat, bins=bins, range=(low, high))
        return edges.tolist(), add_zeros(counts.tolist(), low, high, zeros), odd
    given = to_list(data)
    numbers = [v for v in given if v - v == 0]
    infinite = [v for v in given if v - v != 0 and v == v]
    odd = odd_of(len(given) - len(numbers) - len(infinite), sum(v > 0 for v in infinite), sum(v < 0 for v in infinite))
    if not numbers:
        return [0.0, 1.0], [zeros], odd
    low, high = _range(*with_zeros(min(numbers), max(numbers), zeros))
    counts = [0] * bins
    width = high / bins - low / bins
    for v in numbers:
        counts[min(bins - 1, max(0, int((v - low) / width)))] += 1
    return [low + i * width for i in range(bins)] + [high], add_zeros(counts, low, high, zeros), odd


def with_zeros(low: float, high: float, zeros: int) -> tuple[float, float]:
    """The least and the greatest of numbers with zeros among them."""
    return (min(low, 0.0), max(high, 0.0)) if zeros else (low, high)


def add_zeros(counts: list[Any], low: float, high: float, zeros: int) -> list[Any]:
    """Counts in bins from low to high, with so many zeros more."""
    if zeros:
        counts[min(len(counts) - 1, int(-low / (high - low) * len(counts)))] += zeros
    return counts


def _range(low: float, high: float) -> tuple[float, float]:
    # Numbers that are equal, or so close that no bin fits between, get one bin's room on both sides.
    if not high - low > abs(high) * 1e-12:
        room = max(0.5, abs(low) * 1e-9)
        return low - room, high + room
    return low, high


class Histogram(Media):
    """How often numbers fall into bins; a value, not a file.

    sequence: numbers, an array of any shape, a tensor. np_histogram: (counts, edges) as numpy.histogram returns them, edges
    one longer than counts. num_bins: 1 to 512. NaN and infinities are in no bin; odd counts them under nan, inf and -inf. Raises ValueError
    for other sizes, TypeError for what is no sequence of numbers.
    """

    MAX_LENGTH = MAX_BINS

    def __init__(self, sequence: Any = None, np_histogram: Any = None, num_bins: int = BINS) -> None:
        self.bins: list[Any] = []
        self.histogram: list[Any] = []
        self.odd: dict[str, int] = {}
        if np_histogram is not None:
            if (
                not isinstance(np_histogram, (list, tuple))
                or len(np_histogram) != 2
                or not all(_is_sequence(part) for part in np_histogram)
            ):
                raise ValueError("np_histogram is (counts, edges), two sequences of numbers")
            counts, edges = (list(to_list(part)) for part in np_histogram)
            if len(edges) != len(counts) + 1:
                raise ValueError("np_histogram is (counts, edges), with one edge more than counts")
            if len(counts) > MAX_BINS:
                raise ValueError(f"a histogram has {MAX_BINS} bins at most, not {len(counts)}")
            self.histogram = [int(c) if c == c // 1 else c for c in counts]
            self.bins = edges
            return
        if sequence is None:
            raise ValueError("a Histogram is made of a sequence, or of np_histogram")
        if not _is_sequence(sequence):
            raise TypeError(f"Histogram: sequence is numbers, an array or a tensor, not {type(sequence).__name__}")
        if not 1 <= num_bins <= MAX_BINS:
            raise ValueError(f"num_bins is 1 to {MAX_BINS}, not {num_bins}")
        try:
            self.bins, self.histogram, self.odd = counted(sequence, num_bins)
        except Exception as e:
            self._error = f"no numbers for a histogram: {_failure(e)}"

    def _value(self) -> dict[str, Any]:
        return {"_type": "histogram", "bins": self.bins, "values": self.histogram, **self.odd}

    def __repr__(self) -> str:
        return f"<gitruns.Histogram of {len(self.histogram)} bins>"


def _numpy_of(value: Any) -> Any:
    """A tensor as a numpy array where numpy is loaded; others as they are."""
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
    """Whether value may hold numbers one behind the other: no text, no mapping, no single object."""
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        return False
    return (
        hasattr(value, "tolist")
        or hasattr(value, "__iter__")
        or hasattr(value, "__array__")
        or hasattr(value, "detach")
    )


def histogram_of(key: str, array: Any) -> dict[str, Any]:
    """What an array of many numbers is logged as under key: {"_type": "histogram", "bins": n + 1 edges, "values": n counts}, and how many
    are not finite."""
    edges, counts, odd = counted(array, BINS)
    say_odd(key, odd)
    return {"_type": "histogram", "bins": edges, "values": counts, **odd}


def ending_of(path: str, default: str = "") -> str:
    """The ending of a file's name, with its dot, in lower case; default where it has none that a name may have."""
    ending = os.path.splitext(path)[1].lower()
    return ending if 1 < len(ending) <= MAX_NAME and ending[1:].isalnum() and ending.isascii() else default


class Audio(Media):
    """Sound: the path of a file, or samples in [-1, 1] or 16-bit integers of shape (N,) or (N, channels).

    Samples are kept as WAV of 16 bits and need sample_rate, in Hz. Raises ValueError without it.
    """

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        self.caption = caption or ""
        self._path = self._data = None
        if isinstance(data_or_path, (str, bytes)) or hasattr(data_or_path, "__fspath__"):
            self._path = os.path.abspath(os.fsdecode(os.fspath(data_or_path)))
            return
        if sample_rate is None:
            raise ValueError("Audio: sample_rate, in Hz, goes with samples")
        try:
            self._data = _wav(_numpy_of(data_or_path), int(sample_rate))
        except Exception as e:
            self._error = f"no samples of sound: {_failure(e)}"

    def _put(self, place: Place) -> str:
        if self._path is not None:
            return place.put(ending_of(self._path, ".wav"), "audio", path=self._path, caption=self.caption)
        return place.put(".wav", "audio", self._data, caption=self.caption)


def _wav(samples: Any, rate: int) -> bytes:
    import io
    import wave
    from array import array

    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(samples, numpy.ndarray):
        if samples.ndim not in (1, 2):
            raise ValueError(f"the shape is {samples.shape}, not (N,) or (N, channels)")
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
        raise ValueError(f"{channels} channels: the shape is (N, channels)")
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(channels)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(data)
    return out.getvalue()


class Html(Media):
    """A page: its text, the path of an .html file, or an open file. inject is W&B's: nothing is added to a page here.

    Raises TypeError for anything else.
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
            raise TypeError(f"Html: data is the text of a page, a path or an open file, not {type(data).__name__}")
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
            self._error = f"no page: {_failure(e)}"

    def _put(self, place: Place) -> str:
        return place.put(".html", "html", self.html.encode("utf-8", "replace"), caption=self.caption)


class Plotly(Media):
    """A figure of plotly: kept as its JSON and as a page, which loads plotly's script when it is opened. A figure may be
    logged as it is too."""

    def __init__(self, val: Any) -> None:
        self._json = self._page = ""
        try:
            self._json = val.to_json()
            if hasattr(val, "to_html"):
                self._page = val.to_html(include_plotlyjs="cdn")
        except Exception as e:
            self._error = f"no figure of plotly: {_failure(e)}"

    def _put(self, place: Place) -> str:
        name = place.put(".plotly.json", "plot", self._json.encode())
        if self._page:
            place.put(".html", "html", self._page.encode())
        return name
