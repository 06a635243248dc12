"""Reads metrics.parquet with pyarrow, pandas, Polars and DuckDB, and compares it with the points that were written.

python read.py metrics.parquet points.json
"""

import json
import math
import sys

import duckdb
import pandas
import polars
import pyarrow.parquet


def same(a, b):
    return a == b or math.isnan(a) and math.isnan(b)


def check(name, rows, want):
    assert len(rows) == len(want), f"{name}: got {len(rows)} rows, want {len(want)}"
    for got, point in zip(rows, want):
        assert got[:3] == tuple(point[:3]) and same(got[3], float(point[3])), f"{name}: got {got}, want {point}"
    print(name, "reads", len(rows), "points")


path, points = sys.argv[1:]
with open(points) as file:
    want = json.load(file)

table = pyarrow.parquet.read_table(path)
assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]", table.schema
micro = table.column("time").cast("int64").to_pylist()
check(
    "pyarrow",
    list(
        zip(table.column("key").to_pylist(), table.column("step").to_pylist(), micro, table.column("value").to_pylist())
    ),
    want,
)

frame = pandas.read_parquet(path)
micro = [t.value // 1000 for t in frame["time"]]
check("pandas", list(zip(frame["key"], frame["step"], micro, frame["value"])), want)

frame = polars.read_parquet(path)
check("polars", frame.with_columns(polars.col("time").dt.epoch("us")).rows(), want)

check("duckdb", duckdb.sql(f"SELECT key, step, epoch_us(time), value FROM '{path}'").fetchall(), want)

meta = pyarrow.parquet.ParquetFile(path).metadata
allowed = {
    "key": {"PLAIN", "RLE_DICTIONARY"},
    "step": {"PLAIN", "DELTA_BINARY_PACKED"},
    "time": {"PLAIN", "DELTA_BINARY_PACKED"},
    "value": {"PLAIN", "BYTE_STREAM_SPLIT", "RLE_DICTIONARY"},
}
for group in range(meta.num_row_groups):
    for i, (name, encodings) in enumerate(allowed.items()):
        column = meta.row_group(group).column(i)
        assert column.path_in_schema == name and set(column.encodings) <= encodings, f"{name}: {column.encodings}"
        assert column.compression in ("ZSTD", "UNCOMPRESSED"), f"{name}: {column.compression}"
        indexed = meta.row_group(group).num_rows >= 4096
        assert column.has_offset_index == indexed, f"{name} of {meta.row_group(group).num_rows} rows"
        assert column.is_stats_set == (indexed and name != "value"), f"{name}: {column.statistics}"
