"""Media without any library."""

from __future__ import annotations

import hashlib
import io
import json
import os
import unittest
import wave
import zlib
from contextlib import redirect_stderr

from gitruns import _files
from gitruns._image import Image
from gitruns._media import Audio, Histogram, Html, histogram_of
from gitruns._row import log_media, split
from gitruns._table import Table
from gitruns._video import Video
from recorder import Recorded


def chunks(png: bytes) -> list:
    out, at = [], 8
    while at < len(png):
        n = int.from_bytes(png[at : at + 4], "big")
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + n]
        assert int.from_bytes(png[at + 8 + n : at + 12 + n], "big") == zlib.crc32(kind + data)
        out.append((kind, data))
        at += 12 + n
    return out


class Media(Recorded):
    def test_image(self) -> None:
        log_media(self.run_, "val/x", Image([[0, 255], [7, 9]], caption="a\nb"), 3)
        item = self.artifacts()["media/val/x_3_0.png"]
        data = self.file("media/val/x_3_0.png")
        self.assertEqual((item["kind"], item["key"], item["step"], item["caption"]), ("image", "val/x", 3, "a b"))
        self.assertEqual((item["sha256"], item["bytes"]), (hashlib.sha256(data).hexdigest(), len(data)))
        parts = dict(chunks(data))
        self.assertEqual(parts[b"IHDR"].hex(), "00000002000000020800000000")
        self.assertEqual(zlib.decompress(parts[b"IDAT"]), bytes([0, 0, 255, 0, 7, 9]))

    def test_floats_and_booleans(self) -> None:
        for rows, want in (
            ([[0.0, 1.0]], [0, 255]),
            ([[-1.0, 1.0]], [0, 255]),
            ([[True, False]], [255, 0]),
            ([[0.0, 300.0]], [0, 255]),
        ):
            self.assertEqual(zlib.decompress(dict(chunks(Image(rows)._data))[b"IDAT"]), bytes([0, *want]))

    def test_list_and_bad(self) -> None:
        log_media(self.run_, "k", [Image([[1]]), Image(object()), Image("/no/such.png")], 0)
        self.assertEqual(list(self.artifacts()), ["media/k_0_0.png"])
        self.assertEqual(len(self.run_.records[-1]["values"]["k"]), 2)

    def test_histogram(self) -> None:
        h = Histogram([0, 0, 1, float("nan")], num_bins=2)
        self.assertEqual((h.bins, h.histogram), ([0.0, 0.5, 1.0], [2, 1]))
        log_media(self.run_, "h", h, 1)
        self.assertEqual(self.run_.records[-1]["values"]["h"]["_type"], "histogram")
        with self.assertRaises(ValueError):
            Histogram([1], num_bins=513)
        with self.assertRaises(ValueError):
            Histogram(np_histogram=([1], [1]))
        self.assertEqual(sum(histogram_of("k", [5] * 40)["values"]), 40)

    def test_numbers_that_no_bin_takes(self) -> None:
        nan, inf = float("nan"), float("inf")
        mixed, none = [0.0, nan, inf, inf, -inf, 1.0], [nan] * 40
        said = io.StringIO()
        with redirect_stderr(said):
            for step in range(2):
                log_media(self.run_, "odd/h", Histogram(mixed, num_bins=2), step)
            values = split({"odd/none": none})[1]
        self.assertEqual(
            self.run_.records[-1]["values"]["odd/h"],
            {"_type": "histogram", "bins": [0.0, 0.5, 1.0], "values": [1, 1], "nan": 1, "inf": 2, "-inf": 1},
        )
        self.assertEqual(values["odd/none"], {"_type": "histogram", "bins": [0.0, 1.0], "values": [0], "nan": 40})
        self.assertEqual(
            (said.getvalue().count("odd/h:"), said.getvalue().count("odd/none: the histogram has 40 nan")), (1, 1)
        )
        try:
            import numpy
        except ImportError:
            return
        self.assertEqual(Histogram(numpy.array(mixed), num_bins=2)._value(), Histogram(mixed, num_bins=2)._value())

    def test_a_wrong_call_says_so_when_it_is_made(self) -> None:
        for call, kind, word in (
            (lambda: Histogram("abc"), TypeError, "numbers"),
            (lambda: Histogram(5), TypeError, "int"),
            (lambda: Histogram({"a": 1}), TypeError, "dict"),
            (lambda: Histogram(np_histogram=5), ValueError, "counts, edges"),
            (lambda: Html(5), TypeError, "page"),
            (lambda: Html(None), TypeError, "NoneType"),
        ):
            with self.subTest(word), self.assertRaisesRegex(kind, word):
                call()

    def test_audio(self) -> None:
        log_media(self.run_, "a", Audio([[0.0, 1.0], [-1.0, 0.5]], sample_rate=8000), 0)
        with wave.open(io.BytesIO(self.file("media/a_0_0.wav"))) as w:
            self.assertEqual((w.getnchannels(), w.getframerate(), w.getnframes()), (2, 8000, 2))
        with self.assertRaises(ValueError):
            Audio([0.0])

    def test_video(self) -> None:
        log_media(self.run_, "v", Video([[[[0, 255]]], [[[255, 0]]]], fps=10, format="png"), 0)
        kinds = [k for k, _ in chunks(self.file("media/v_0_0.png"))]
        self.assertEqual(kinds, [b"IHDR", b"acTL", b"fcTL", b"IDAT", b"fcTL", b"fdAT", b"IEND"])

    def test_html(self) -> None:
        log_media(self.run_, "p", Html(io.StringIO("<b>é")), 0)
        self.assertEqual(self.file("media/p_0_0.html"), "<b>é".encode())

    def test_table(self) -> None:
        t = Table(columns=["a", "i"], data=[[1, Image([[1]])]])
        t.add_data(2, None)
        t.add_column("b", [True, False])
        self.assertEqual((t.get_column("a"), t.data[1]), ([1, 2], [2, None, False]))
        with self.assertRaises(ValueError):
            t.add_data(1)
        union = Table(data=[{"a": 1}, {"b": 2, "a": 3}])
        self.assertEqual((union.columns, union.data), (["a", "b"], [[1, None], [3, 2]]))
        log_media(self.run_, "t", t, 0)
        self.assertEqual(sorted(self.artifacts()), ["media/t_0_0.0-1.png", "media/t_0_0.parquet"])

    def test_plotly(self) -> None:
        import gitruns

        class Figure:
            def to_json(self) -> str:
                return '{"data": []}'

            def to_html(self, include_plotlyjs: str) -> str:
                return f"<html>{include_plotlyjs}"

        log_media(self.run_, "f", gitruns.Plotly(Figure()), 2)
        self.assertEqual(
            {n: a["kind"] for n, a in self.artifacts().items()},
            {"media/f_2_0.plotly.json": "plot", "media/f_2_0.html": "html"},
        )
        self.assertEqual(self.file("media/f_2_0.html"), b"<html>cdn")
        log_media(self.run_, "g", gitruns.Plotly(object()), 0)
        self.assertEqual(len(self.artifacts()), 2)

    def test_objects_and_molecules(self) -> None:
        import gitruns

        log_media(self.run_, "cloud", gitruns.Object3D([[0, 0, 0], [1, 2, 3]], caption="two points"), 0)
        self.assertEqual(json.loads(self.file("media/cloud_0_0.pts.json")), [[0, 0, 0], [1, 2, 3]])
        boxes = gitruns.Object3D.from_point_cloud([[0, 0, 0]], boxes=[{"label": "car"}])
        log_media(self.run_, "scene", boxes, 1)
        scene = json.loads(self.file("media/scene_1_0.pts.json"))
        self.assertEqual((scene["points"], scene["boxes"][0]["label"]), ([[0, 0, 0]], "car"))
        path = os.path.join(self.dir, "bunny.obj")
        with open(path, "w", encoding="utf-8") as f:
            f.write("v 0 0 0\n")
        log_media(self.run_, "bunny", gitruns.Object3D(path), 0)
        self.assertEqual(self.file("media/bunny_0_0.obj"), b"v 0 0 0\n")
        log_media(self.run_, "open", gitruns.Object3D(io.StringIO("v 1 1 1\n"), file_type="obj"), 0)
        self.assertEqual(self.file("media/open_0_0.obj"), b"v 1 1 1\n")
        log_media(self.run_, "smiles", gitruns.Molecule.from_smiles("CCO"), 0)
        self.assertEqual(self.file("media/smiles_0_0.smi"), b"CCO\n")
        known = len(self.artifacts())
        for wrong in (gitruns.Molecule(object()), gitruns.Object3D("x.exe"), gitruns.Molecule("missing.pdb")):
            log_media(self.run_, "wrong", wrong, 0)  # a warning; the training goes on
        self.assertEqual(len(self.artifacts()), known)

    def test_media_that_is_not_here(self) -> None:
        import gitruns

        for name in ("Bokeh", "Classes", "JoinedTable", "PartitionedTable"):
            self.assertTrue(hasattr(gitruns, name), name)
            with self.assertRaisesRegex(gitruns.UsageError, f"wandb.{name}; use .+"):
                getattr(gitruns, name)([])

    def test_names(self) -> None:
        self.assertEqual(_files.stem("a/b"), "a/b")
        for key in ("../x", "/x", "a:b", "con", "a//b", ".git/x", "x.", "a\0b", "é" * 125):
            self.assertEqual(_files.unportable(_files.stem(key)), "", key)
        self.assertNotEqual(_files.stem("a:b"), _files.stem("a_b"))
        for path in ("", "/x", "a/../b", "a\\b", "c:x", "nul.txt", "x ", ".GIT"):
            self.assertTrue(_files.unportable(path), path)


if __name__ == "__main__":
    unittest.main()
