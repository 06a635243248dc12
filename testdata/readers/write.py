"""Write the same points as other programs write Parquet: python write.py FOLDER

Each file has the points of metrics.parquet (SPEC.md, section 6). The name of a file says how it was written. The names
of files that a verification must reject begin with "not-".
"""

import itertools
import sys

import pyarrow as pa
import pyarrow.parquet as pq

folder = sys.argv[1]
keys = [key for key in ("a", "loss", "val/é") for _ in range(20_000)]
steps = list(range(20_000)) * 3
times = [1_764_000_000_000_000 + 1_000 * i for i in range(60_000)]
values = [float("nan") if i % 1000 == 7 else i / 7 for i in range(60_000)]
stamp = pa.timestamp("us", tz="UTC")


def table(time=stamp):
    def field(name, kind):
        return pa.field(name, kind, nullable=False)

    schema = pa.schema(
        [field("key", pa.string()), field("step", pa.int64()), field("time", time), field("value", pa.float64())]
    )
    unit = {"ms": 1000}.get(getattr(time, "unit", ""), 1)
    stamps = pa.array([t // unit for t in times], pa.int64()).cast(time)
    return pa.table([pa.array(keys), pa.array(steps), stamps, pa.array(values)], schema=schema)


def write(name, data, **options):
    settings = {"compression": "zstd", "write_page_index": True}
    pq.write_table(data, f"{folder}/{name}.parquet", **{**settings, **options})


points = table()
write("pyarrow", points)  # dictionaries for all columns
for version, page, rows in itertools.product(("1.0", "2.0"), (1 << 10, 1 << 16, 1 << 24), (7_000, 1 << 20)):
    options = {"data_page_version": version, "data_page_size": page, "row_group_size": rows}
    write(f"pages-{version}-{page}-{rows}", points, **options)
write("plain", points, use_dictionary=False)
write("uncompressed", points, compression="none")
write("checksums", points, write_page_checksum=True)
write("not-statistics", points, write_statistics=False)
for name, encodings in {
    "delta": {"key": "DELTA_BYTE_ARRAY", "step": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED"},
    "length": {"key": "DELTA_LENGTH_BYTE_ARRAY", "value": "BYTE_STREAM_SPLIT"},
    "split": {"step": "BYTE_STREAM_SPLIT", "time": "BYTE_STREAM_SPLIT", "value": "BYTE_STREAM_SPLIT"},
}.items():
    write(name, points, use_dictionary=False, column_encoding=encodings)
write("more-columns", points.append_column("note", pa.array(["x"] * 60_000)))
write("not-index", points, write_page_index=False)
write("not-zone", table(pa.timestamp("us")))
write("not-milliseconds", table(pa.timestamp("ms", tz="UTC")))
write("not-integers", table(pa.int64()))
write("not-sorted", points.take(pa.array([*range(100, 60_000), *range(100)])))
write("not-snappy", points, compression="snappy")
