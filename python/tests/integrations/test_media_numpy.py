"""Media, histograms and watch() with the libraries of arrays, images and tables."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import tempfile
import unittest

from library import Training, need


def setUpModule() -> None:
    need("numpy")


def unpacked(png: bytes):
    """Return the pixels of a PNG as an array, read by PIL."""
    import numpy
    from PIL import Image

    return numpy.asarray(Image.open(io.BytesIO(png)))


class Recording(Training):
    """A test that logs to a run, and reads the values back with `runs`."""

    def kept(self, selector: str = "last") -> dict:
        """Return the artifacts of a run by name, as `runs artifacts --json` lists them."""
        return {a["path"]: a for a in json.loads(self.runs("artifacts", selector, "--json"))}

    def file(self, name: str, selector: str = "last") -> str:
        """Return the path of a copy of an artifact, verified by its digest."""
        path = os.path.join(tempfile.mkdtemp(dir=self.dir), os.path.basename(name))
        self.runs("artifacts", selector, name, "-o", path)
        return path

    def bytes(self, name: str) -> bytes:
        with open(self.file(name), "rb") as f:
            return f.read()

    def values(self) -> dict:
        """Return the last non-numeric value of each key in the newest run."""
        import gitruns

        return {v["key"]: v["value"] for v in gitruns.load("last").values()}


class Images(Recording):
    def setUp(self) -> None:
        need("PIL")
        super().setUp()

    def pixels(self, *images, **options):
        """Return the pixels of each image in the run, or None for an image without a file."""
        import gitruns

        with gitruns.init() as run:
            for step, image in enumerate(images):
                run.log({"x": gitruns.Image(image, **options)}, step=step)
        kept = self.kept()
        return [
            unpacked(self.bytes(f"media/x_{i}_0.png")) if f"media/x_{i}_0.png" in kept else None
            for i in range(len(images))
        ]

    def test_arrays(self) -> None:
        import numpy as np

        ramp = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)
        same = [
            ramp[:, :, 0],
            ramp[:, :, :2],
            ramp[:, :, :3],
            ramp,
            np.asfortranarray(ramp),
            ramp[::-1, ::2],
            ramp[:, :, 2::-1],
            np.broadcast_to(np.uint8(7), (3, 5)),
        ]
        for given, got in zip(same, self.pixels(*same)):
            np.testing.assert_array_equal(got, given)
        hot = np.array([[0.0, 0.5, 1.0]])
        given = [
            ramp[:, :, :1],
            hot,
            hot.astype(np.float16),
            hot * 2 - 1,
            hot > 0.4,
            np.array([[0, 128, 999]], np.int64),
            np.array([[-1, 0, 1]], np.int8),
            np.array([[np.nan, np.inf, -np.inf]]),
            hot[:, :, None],
            hot * 300,
            np.array([[0, 300]], np.uint16),
            ramp[None, :, :, :3],
        ]
        want = [
            ramp[:, :, 0],
            [[0, 127, 255]],
            [[0, 127, 255]],
            [[0, 127, 255]],
            [[0, 255, 255]],
            [[0, 128, 255]],
            [[0, 127, 255]],
            [[0, 255, 0]],
            [[0, 127, 255]],
            [[0, 150, 255]],
            [[0, 255]],
            ramp[:, :, :3],
        ]
        for i, (got, pixels) in enumerate(zip(self.pixels(*given), want)):
            np.testing.assert_array_equal(got, pixels, str(i))
        for got, pixels in zip(self.pixels(hot, hot * 255, normalize=False), ([[0, 0, 1]], [[0, 127, 255]])):
            np.testing.assert_array_equal(got, pixels)

    def test_bad_arrays(self) -> None:
        import numpy as np

        bad = [
            np.zeros((2, 2, 9, 9)),
            np.zeros(5),
            np.zeros((0, 4), np.uint8),
            np.zeros((3, 3), complex),
            np.array([["a"]]),
            np.zeros((2, 2, 5, 5, 5)),
        ]
        self.assertEqual(self.pixels(*bad), [None] * len(bad))
        self.assertEqual(self.show()["status"], "finished")
        self.assertIn("Image", self.values()["x"])

    def test_tensors(self) -> None:
        need("torch")
        import numpy as np
        import torch

        chw = torch.arange(3 * 4 * 5, dtype=torch.uint8).reshape(3, 4, 5)
        floats = torch.rand(3, 4, 5)
        given = [
            chw,
            chw[0],
            chw[:1],
            floats,
            floats.requires_grad_(),
            floats.to(torch.bfloat16),
            chw.permute(2, 1, 0).permute(2, 1, 0),
            chw > 3,
            torch.full((1, 1, 2, 2), 9, dtype=torch.uint8),
        ]
        hwc = chw.permute(1, 2, 0).numpy()
        bytes_ = (floats.detach().permute(1, 2, 0).numpy() * np.float32(255)).astype(np.uint8)
        got = self.pixels(*given)
        half = (given[5].detach().float().permute(1, 2, 0).numpy() * np.float32(255)).astype(np.uint8)
        grid = np.zeros((6, 6), np.uint8)
        grid[2:4, 2:4] = 9
        # With float arithmetic, libraries may round a pixel to either of two integers.
        for g, w, near in zip(
            got,
            [hwc, hwc[:, :, 0], hwc[:, :, 0], bytes_, bytes_, half, hwc, (hwc > 3) * 255, grid],
            [0, 0, 0, 1, 1, 1, 0, 0, 0],
        ):
            np.testing.assert_allclose(g.astype(int), w, atol=near)
        batch = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(10, 3, 4, 5)
        (got,) = self.pixels(batch)
        self.assertEqual(got.shape, (2 * 6 + 2, 8 * 7 + 2, 3))
        self.assertEqual((got[2, 2 + 7, 0], got[8, 2 + 7, 0], got[3, 2 + 6, 0]), (1, 9, 0))

    def test_pil(self) -> None:
        import numpy as np
        from PIL import Image

        import gitruns

        rgb = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
        modes = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]
        images = [(rgb.convert("L") if m in ("I", "F", "I;16") else rgb).convert(m) for m in modes]
        with gitruns.init() as run:
            for m, image in zip(modes, images):
                run.log({"raw/" + m.replace(";", "-"): image}, step=0)
            run.log(
                {
                    "several": [gitruns.Image(rgb), gitruns.Image(rgb, caption="two")],
                    "jpg": gitruns.Image(rgb, file_type="jpg"),
                },
                step=1,
            )
            run.log(
                {
                    "floats": Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)),
                    "list": [rgb, rgb.convert("L")],
                    "wide": Image.new("I", (1, 1), 70_000),
                },
                step=3,
            )
            run.log(
                {
                    "mode": gitruns.Image(rgb, mode="L"),
                    "pixels": gitruns.Image(np.asarray(rgb), mode="L", file_type="jpeg"),
                },
                step=2,
            )
        kept = self.kept()
        names = ["raw/" + m.replace(";", "-") for m in modes]
        for name, image in zip(names, images):
            self.assertEqual(unpacked(self.bytes(f"media/{name}_0_0.png")).shape[:2], (4, 4), image.mode)
        np.testing.assert_array_equal(unpacked(self.bytes("media/raw/RGB_0_0.png")), np.asarray(rgb))
        np.testing.assert_array_equal(unpacked(self.bytes("media/mode_2_0.png")), np.asarray(rgb.convert("L")))
        np.testing.assert_array_equal(unpacked(self.bytes("media/floats_3_0.png")), [[0, 127, 255]])
        np.testing.assert_array_equal(unpacked(self.bytes("media/list_3_1.png")), np.asarray(rgb.convert("L")))
        self.assertEqual(unpacked(self.bytes("media/wide_3_0.png"))[0, 0], 65535)
        with Image.open(self.file("media/jpg_1_0.jpg")) as jpg, Image.open(self.file("media/pixels_2_0.jpeg")) as grey:
            self.assertEqual((jpg.format, grey.format, grey.mode), ("JPEG", "JPEG", "L"))
        self.assertIn("media/several_1_1.png", kept)
        record = next(a for a in self.show()["artifacts"] if a["path"] == "media/several_1_1.png")
        self.assertEqual(
            (record["kind"], record["key"], record["step"], record["caption"]), ("image", "several", 1, "two")
        )

    def test_what_is_changed_afterwards(self) -> None:
        import numpy as np

        import gitruns

        pixels = np.zeros((2, 2), np.uint8)
        with gitruns.init() as run:
            image = gitruns.Image(pixels)
            pixels[:] = 200
            run.log({"x": image})
        self.assertEqual(unpacked(self.bytes("media/x_0_0.png")).max(), 0)

    def test_masks_and_boxes(self) -> None:
        import numpy as np

        import gitruns

        mask = np.array([[0, 1], [2, 1]])
        boxes = {
            "p": {
                "box_data": [
                    {"position": {"minX": np.float32(0.5), "maxX": 1, "minY": 0, "maxY": 1}, "class_id": np.int64(1)}
                ]
            }
        }
        with gitruns.init() as run:
            run.log(
                {
                    "x": gitruns.Image(
                        np.zeros((2, 2, 3), np.uint8),
                        masks={"truth": {"mask_data": mask, "class_labels": {1: "cat"}}},
                        boxes=boxes,
                    )
                }
            )
        np.testing.assert_array_equal(unpacked(self.bytes("media/x_0_0.mask0.png")), mask)
        beside = json.loads(self.bytes("media/x_0_0.json"))
        self.assertEqual(beside["masks"]["truth"], {"file": "media/x_0_0.mask0.png", "class_labels": {"1": "cat"}})
        self.assertEqual(
            beside["boxes"]["p"]["box_data"][0],
            {"position": {"minX": 0.5, "maxX": 1, "minY": 0, "maxY": 1}, "class_id": 1},
        )


class Figures(Recording):
    def test_matplotlib(self) -> None:
        need("matplotlib", "PIL")
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        import gitruns

        figure, axes = pyplot.subplots(figsize=(2, 1), dpi=50)
        self.addCleanup(pyplot.close, "all")
        axes.plot([1, 2, 3])
        with gitruns.init() as run:
            run.log(
                {
                    "figure": figure,
                    "axes": axes,
                    "pyplot": pyplot,
                    "image": gitruns.Image(figure, caption="a line"),
                    "list": [gitruns.Image(figure), gitruns.Image(axes)],
                }
            )
            run.log({"table": gitruns.Table(columns=["n", "figure"], data=[[1, figure]])})
        for name in ("figure", "axes", "pyplot", "image", "list"):
            self.assertEqual(unpacked(self.bytes(f"media/{name}_0_0.png")).shape, (50, 100, 4), name)
        self.assertEqual(
            {"media/list_0_1.png", "media/table_1_0.0-1.png", "media/table_1_0.parquet"} - set(self.kept()), set()
        )

    def test_plotly(self) -> None:
        need("plotly")
        import plotly.graph_objects as go

        import gitruns

        figure = go.Figure(go.Bar(x=[1, 2], y=[3, 4]))
        with gitruns.init() as run:
            run.log({"raw": figure, "wrapped": gitruns.Plotly(figure)})
        for name in ("raw", "wrapped"):
            self.assertEqual(json.loads(self.bytes(f"media/{name}_0_0.plotly.json"))["data"][0]["type"], "bar")
            self.assertIn(b"plotly", self.bytes(f"media/{name}_0_0.html"))


class Tables(Recording):
    def rows(self, name: str) -> dict:
        """Return the columns of a table as pyarrow reads them. pandas, polars and duckdb must read the same."""
        import pyarrow.parquet

        path = self.file(name)
        got = pyarrow.parquet.read_table(path)
        columns = got.to_pydict()
        if importlib.util.find_spec("polars"):
            import polars

            self.assertEqual(repr(polars.read_parquet(path).to_dict(as_series=False)), repr(columns))
        if importlib.util.find_spec("duckdb"):
            import duckdb

            found = duckdb.execute("select * from read_parquet(?)", [path])
            names = [d[0] for d in found.description]
            self.assertEqual(repr([dict(zip(names, row)) for row in found.fetchall()]), repr(got.to_pylist()))
        if importlib.util.find_spec("pandas"):
            import pandas

            frame = pandas.read_parquet(path)
            self.assertEqual((list(frame.columns), len(frame)), (got.column_names, got.num_rows))
        return columns

    def test_frames(self) -> None:
        need("pandas", "pyarrow")
        import numpy as np
        import pandas as pd

        import gitruns

        frame = pd.DataFrame(
            {
                "i": np.array([1, 2, 3], np.int32),
                "f": np.array([0.5, np.nan, -np.inf], np.float32),
                "s": ["a", None, "é\n"],
                "b": [True, False, True],
                "t": pd.to_datetime(["2026-01-01", None, "2026-01-02T03:04:05"], format="ISO8601"),
                "n": pd.array([1, None, 3], "Int64"),
                "c": pd.Categorical(["u", "v", "u"]),
                "l": [[1], [2, 3], None],
                5: [1, "x", 2.5],
            }
        )
        with gitruns.init() as run:
            run.log({"raw": frame, "table": gitruns.Table(dataframe=frame), "data": gitruns.Table(data=frame)})
            run.log({"empty": gitruns.Table(dataframe=frame.iloc[:0]), "index": frame.set_index("s")[["i"]]})
        got = self.rows("media/raw_0_0.parquet")
        self.assertNotEqual(got["f"][1], 0.5)
        self.assertEqual(
            (got["i"], got["b"], got["n"], got["c"]), ([1, 2, 3], [True, False, True], [1, None, 3], ["u", "v", "u"])
        )
        self.assertEqual((got["f"][0], got["f"][2], got["s"]), (0.5, -np.inf, ["a", None, "é\n"]))
        self.assertEqual(got["t"], ["2026-01-01T00:00:00", None, "2026-01-02T03:04:05"])
        self.assertEqual((got["l"], got["5"]), (["[1]", "[2, 3]", None], ["1", '"x"', "2.5"]))
        with (
            open(self.file("media/raw_0_0.parquet"), "rb") as a,
            open(self.file("media/table_0_0.parquet"), "rb") as b,
            open(self.file("media/data_0_0.parquet"), "rb") as c,
        ):
            self.assertEqual(a.read(), b.read())
            b.seek(0)
            self.assertEqual(b.read(), c.read())
        self.assertEqual(list(self.rows("media/empty_1_0.parquet")), list(got))
        record = next(a for a in self.show()["artifacts"] if a["path"] == "media/raw_0_0.parquet")
        self.assertEqual((record["kind"], record["key"], record["step"]), ("table", "raw", 0))

    def test_polars(self) -> None:
        need("polars", "pyarrow")
        import datetime

        import polars as pl

        import gitruns

        frame = pl.DataFrame(
            {"i": [1, None], "s": ["a", None], "d": [datetime.date(2026, 1, 1), None], "l": [[1, 2], []]}
        )
        with gitruns.init() as run:
            run.log({"raw": frame, "lazy": gitruns.Table(dataframe=frame)})
        want = {"i": [1, None], "s": ["a", None], "d": ["2026-01-01", None], "l": ["[1, 2]", "[]"]}
        self.assertEqual(self.rows("media/raw_0_0.parquet"), want)
        self.assertEqual(self.rows("media/lazy_0_0.parquet"), want)

    def test_cells(self) -> None:
        need("pyarrow")
        import numpy as np

        import gitruns

        table = gitruns.Table(columns=["n", "mixed", "b", "array", "h"])
        table.add_data(
            np.int64(1), np.float32(0.5), np.bool_(True), np.arange(3), gitruns.Histogram(np.arange(10), num_bins=2)
        )
        table.add_data(2, 3, None, np.ones((1, 2)), None)
        table.add_column("more", np.array([1.5, 2.5]))
        with gitruns.init() as run:
            run.log(
                {"t": table, "square": gitruns.Table(data=np.arange(4).reshape(2, 2), columns=np.array(["a", "b"]))}
            )
        got = self.rows("media/t_0_0.parquet")
        self.assertEqual(
            (got["n"], got["mixed"], got["b"], got["more"]), ([1, 2], [0.5, 3.0], [True, None], [1.5, 2.5])
        )
        self.assertEqual(
            ([json.loads(a) for a in got["array"]], json.loads(got["h"][0])["values"]), ([[0, 1, 2], [[1, 1]]], [5, 5])
        )
        self.assertEqual(self.rows("media/square_0_0.parquet"), {"a": [0, 2], "b": [1, 3]})

    def test_row_groups(self) -> None:
        need("pyarrow")
        import pyarrow.parquet

        import gitruns

        count = 131_072 + 5
        data = [[i, None if i % 3 else i / 2, f"row {i}", i % 2 == 0] for i in range(count)]
        with gitruns.init() as run:
            run.log({"t": gitruns.Table(columns=["i", "f", "s", "b"], data=data)})
        file = pyarrow.parquet.ParquetFile(self.file("media/t_0_0.parquet"))
        self.assertEqual(
            [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)], [131_072, 5]
        )
        self.assertEqual([list(row) for row in zip(*self.rows("media/t_0_0.parquet").values())], data)

    def test_of_an_artifact(self) -> None:
        need("pyarrow")
        import numpy as np

        import gitruns

        with gitruns.init() as run:
            a = gitruns.Artifact("rows", "dataset", metadata={"mean": np.float32(0.5)})
            a.add(gitruns.Table(columns=["x", "y"], data=np.array([[1.0, 2.0], [3.0, 4.0]])), "t")
            run.log_artifact(a)
        with gitruns.init() as run:
            a = run.use_artifact("rows:latest")
            table = a.get("t")
            self.assertEqual(
                (table.columns, table.data, a.metadata), (["x", "y"], [[1.0, 2.0], [3.0, 4.0]], {"mean": 0.5})
            )
            np.testing.assert_array_equal(table.get_column("y", convert_to="numpy"), [2.0, 4.0])


class Sound(Recording):
    def test_samples(self) -> None:
        import wave

        import numpy as np

        import gitruns

        wave_of = np.array([0.0, 0.5, -1.0, 2.0])
        with gitruns.init() as run:
            run.log(
                {
                    "f": gitruns.Audio(wave_of, sample_rate=8000),
                    "i": gitruns.Audio(np.array([[1, -1], [2, -2]], np.int16), sample_rate=8000, caption="c"),
                }
            )
            run.log(
                {"v": gitruns.Video(np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5), fps=4, format="png")}
            )
        for name, channels, samples in (("f", 1, [0, 16384, -32767, 32767]), ("i", 2, [1, -1, 2, -2])):
            with wave.open(self.file(f"media/{name}_0_0.wav")) as w:
                self.assertEqual((w.getnchannels(), w.getframerate()), (channels, 8000))
                self.assertEqual(np.frombuffer(w.readframes(9), "<i2").tolist(), samples)
        if importlib.util.find_spec("PIL"):
            from PIL import Image

            with Image.open(self.file("media/v_1_0.png")) as film:
                self.assertEqual((film.n_frames, film.size), (2, (5, 4)))


class Numbers(Recording):
    def test_numpy(self) -> None:
        import numpy as np

        import gitruns

        scalars = {
            "f16": np.float16(0.5),
            "f32": np.float32(0.1),
            "f64": np.float64(0.1),
            "i8": np.int8(-3),
            "u64": np.uint64(2**63),
            "bool": np.bool_(True),
            "zero": np.array(4.0),
            "one": np.array([5]),
            "nested": {"inf": np.float32("inf"), "deep": [np.int64(1), np.float32(0.5)]},
            "text": np.str_("hi"),
            "day": np.datetime64("2026-01-02"),
        }
        with gitruns.init(
            config={"lr": np.float64(0.1), "n": np.int64(3), "on": np.bool_(True), "sizes": np.array([1, 2])}
        ) as run:
            run.log(scalars)
            run.log(
                {
                    "few": np.arange(3),
                    "two": np.ones((2, 2)),
                    "none": np.array([]),
                    "masked": np.ma.masked_array([1.0, 2.0], [0, 1]),
                }
            )
            run.log(
                {
                    "many": np.arange(64.0),
                    "halves": np.full(40, 0.5, np.float16),
                    "odd": np.array([np.nan, np.inf, *range(40)]),
                    "bools": np.arange(40) % 4 == 0,
                }
            )
            run.log({"complex": np.ones(40, complex), "words": np.array(["a"] * 40)})
            run.summary["best"] = np.float32(0.5)
        r = self.show()
        self.assertEqual(
            {k: m["last"] for k, m in r["metrics"].items()},
            {
                "f16": 0.5,
                "f32": float(np.float32(0.1)),
                "f64": 0.1,
                "i8": -3,
                "u64": 2.0**63,
                "bool": 1,
                "zero": 4,
                "one": 5,
                "nested.inf": "Infinity",
            },
        )
        self.assertEqual(r["params"], {"lr": 0.1, "n": 3, "on": True, "sizes": [1, 2]})
        self.assertEqual(r["summary"]["best"], 0.5)
        v = self.values()
        self.assertEqual((v["text"], v["day"], v["nested.deep"]), ("hi", "2026-01-02", [1, 0.5]))
        self.assertEqual((v["few"], v["two"], v["none"], v["masked"]), ([0, 1, 2], [[1, 1], [1, 1]], [], [1, None]))
        counts, edges = np.histogram(np.arange(64.0), bins=64)
        self.assertEqual((v["many"]["values"], v["many"]["bins"]), (counts.tolist(), edges.tolist()))
        self.assertEqual([sum(v[k]["values"]) for k in ("halves", "odd", "bools")], [40, 40, 40])
        self.assertEqual((v["bools"]["bins"][0], v["bools"]["bins"][-1], v["bools"]["values"][0]), (0, 1, 30))
        self.assertIsInstance(v["complex"], str)  # complex numbers have no order, and so no bins
        self.assertIsInstance(v["words"], str)

    def test_histograms(self) -> None:
        import numpy as np

        import gitruns

        numbers = np.random.default_rng(1).normal(size=(50, 20))
        with gitruns.init() as run:
            run.log(
                {
                    "h": gitruns.Histogram(numbers, num_bins=10),
                    "made": gitruns.Histogram(np_histogram=np.histogram(numbers, bins=7)),
                }
            )
            run.log(
                {
                    "bad": gitruns.Histogram(np.array(["a", "b"])),
                    "list": [gitruns.Histogram([1, 2]), gitruns.Histogram([3])],
                }
            )
            with self.assertRaises(ValueError):
                gitruns.Histogram(np_histogram=(np.ones(513), np.arange(514)))
        v = self.values()
        for key, bins in (("h", 10), ("made", 7)):
            counts, edges = np.histogram(numbers, bins=bins)
            self.assertEqual((v[key]["values"], v[key]["_type"]), (counts.tolist(), "histogram"))
            np.testing.assert_allclose(v[key]["bins"], edges)
        self.assertIn("Histogram", v["bad"])
        self.assertEqual(len(v["list"]), 2)

    def test_torch(self) -> None:
        need("torch")
        import torch

        import gitruns

        loss = (torch.ones(2, requires_grad=True) * 1.25).sum()
        with gitruns.init(
            config={"lr": torch.tensor(0.5), "kind": torch.float32, "device": torch.device("cpu")}
        ) as run:
            run.log(
                {
                    "loss": loss,
                    "bf16": torch.tensor(1.5, dtype=torch.bfloat16),
                    "int": torch.tensor([3]),
                    "flag": torch.tensor(True),
                    "few": torch.tensor([1.0, 2.0], requires_grad=True),
                }
            )
            run.log(
                {
                    "many": torch.arange(64.0).reshape(8, 8),
                    "half": torch.ones(40, dtype=torch.bfloat16),
                    "parameter": torch.nn.Parameter(torch.zeros(33)),
                    "sparse": torch.eye(10).to_sparse(),
                }
            )
            run.log(
                {
                    "h": gitruns.Histogram(torch.arange(10.0, requires_grad=True), num_bins=5),
                    "complex": torch.ones(40, dtype=torch.cfloat),
                    "meta": torch.empty(40, device="meta"),
                }
            )
        r = self.show()
        self.assertEqual(
            {k: m["last"] for k, m in r["metrics"].items()}, {"loss": 2.5, "bf16": 1.5, "int": 3, "flag": 1}
        )
        self.assertEqual((r["params"]["lr"], r["params"]["kind"], r["params"]["device"]), (0.5, "torch.float32", "cpu"))
        v = self.values()
        self.assertEqual((v["few"], v["many"]["values"], v["h"]["values"]), ([1, 2], [1] * 64, [2] * 5))
        self.assertEqual([sum(v[k]["values"]) for k in ("half", "parameter", "sparse")], [40, 33, 100])
        self.assertEqual((v["sparse"]["values"][0], v["sparse"]["values"][-1]), (90, 10))
        self.assertIsInstance(v["complex"], str)
        self.assertIsInstance(v["meta"], str)


class Watch(Recording):
    def model(self):
        import torch

        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))

    def test_a_module(self) -> None:
        need("torch")
        import torch

        import gitruns

        model = self.model()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        norms, weights = [], []
        with gitruns.init() as run:
            gitruns.watch(model, log="all", log_freq=2)
            for _ in range(6):
                optimizer.zero_grad()
                weights.append(model[0].weight.detach().norm().item())
                loss = model(torch.ones(5, 3)).pow(2).mean()
                loss.backward()
                norms.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item())
                optimizer.step()
                run.log({"loss": loss})
            model.eval()
            model(torch.ones(1, 3))
            run.unwatch(model)
            self.assertFalse(model._forward_hooks)
            self.assertFalse(any(p._backward_hooks for p in model.parameters()))
        got = self.points("gradients/norm")
        self.assertEqual([s for s, _ in got], [1, 3, 5])
        for (_, g), want in zip(got, norms[1::2]):
            self.assertAlmostEqual(g, want, places=5)
        for (_, g), want in zip(self.points("parameters/0.weight/norm"), weights[1::2]):
            self.assertAlmostEqual(g, want, places=5)
        v = self.values()
        self.assertEqual(
            {k for k in v if not k.endswith("norm")},
            {f"{kind}/{n}" for kind in ("gradients", "parameters") for n, _ in model.named_parameters()},
        )
        self.assertEqual((sum(v["parameters/0.weight"]["values"]), sum(v["gradients/2.bias"]["values"])), (12, 1))

    def test_what_models_do(self) -> None:
        need("torch")
        import copy
        import pickle

        import torch

        import gitruns

        model = self.model()
        model[0].weight.requires_grad_(False)
        with gitruns.init() as run:
            run.watch(model, log_freq=1)
            with self.assertRaises(gitruns.UsageError):
                run.watch(model)
            with self.assertRaises(TypeError):
                run.watch(torch.ones(1))
            model[2].weight.data.fill_(float("nan"))
            model(torch.ones(1, 3)).sum().backward()
            run.log({"x": 1})
            run.unwatch()
            embedding = torch.nn.Embedding(10, 2, sparse=True)
            both = [embedding, self.model()]
            run.watch(both, log="gradients", log_freq=1)
            embedding(torch.tensor([1, 1])).sum().backward()
            both[1](torch.ones(1, 3)).sum().backward()
            run.log({"x": 2})
            torch.save(both[1].state_dict(), os.path.join(self.dir, "m.pt"))
        # The hooks are removed with the end of the run, so that a model can be copied and pickled.
        copy.deepcopy(both[1])
        pickle.dumps(both[1])
        r = self.show()
        self.assertEqual(r["status"], "finished")
        v = self.values()
        self.assertNotIn("gradients/0.weight", v)
        self.assertEqual(sum(v["gradients/weight"]["values"]), 20)
        self.assertAlmostEqual(r["metrics"]["gradients/weight/norm"]["last"], 8**0.5, places=5)
        self.assertIn("graph_1/gradients/0.weight", v)


if __name__ == "__main__":
    unittest.main()
