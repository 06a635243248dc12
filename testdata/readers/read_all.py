"""Reads the points of all runs, single and in batches, with one pattern, and compares them with what was recorded.

python read_all.py PROJECT/.runs points.json
"""

import glob
import json
import sys

import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

root, expected = sys.argv[1:]
with open(expected) as file:
    want = json.load(file)  # from each id to the number of its points and the sum of their values
pattern = f"{root}/20*/*/metrics.parquet"
files = sorted(glob.glob(pattern))


def check(name, rows):
    got = {}
    for run, file, count, total in rows:
        id = run or file.replace("\\", "/").split("/")[-2]
        assert id not in got, f"{name}: {id} twice"
        got[id] = [count, round(total, 6)]
    assert got == want, f"{name}: got {got}, want {want}"
    print(name, "reads", len(got), "runs in", len(files), "files")


check(
    "duckdb",
    duckdb.sql(
        f"""SELECT run, filename, count(*), sum(value)
            FROM read_parquet('{pattern}', union_by_name = true, filename = true) GROUP BY ALL"""
    ).fetchall(),
)

schema = pyarrow.unify_schemas([pyarrow.parquet.read_schema(file) for file in files])
table = pyarrow.dataset.dataset(files, schema=schema).to_table(columns=[*schema.names, "__filename"])
table = table.group_by(["run", "__filename"]).aggregate([("value", "count"), ("value", "sum")])
check("pyarrow", zip(*(table[name].to_pylist() for name in ("run", "__filename", "value_count", "value_sum"))))

schema = {
    "run": polars.String,
    "key": polars.String,
    "step": polars.Int64,
    "time": polars.Datetime("us", "UTC"),
    "value": polars.Float64,
}
frame = polars.scan_parquet(files, schema=schema, missing_columns="insert", include_file_paths="file")
frame = frame.group_by("run", "file").agg(polars.len(), polars.col("value").sum()).collect()
check("polars", frame.select("run", "file", "len", "value").rows())
