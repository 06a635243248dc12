"""Print the finished runs of a .runs folder as JSON: python spec.py PROJECT/.runs"""

import hashlib
import json
import math
import os
import re
import stat
import struct
import sys

import pyarrow.compute
import pyarrow.parquet
import tomllib


def read(path, limit):  # a regular file of at most limit bytes; a link is never followed (2.1, 2.2)
    info = os.lstat(path)
    if not stat.S_ISREG(info.st_mode) or info.st_size > limit:
        raise ValueError(f"{path}: not a regular file, or more than {limit} bytes")
    with open(path, "rb") as file:
        return file.read()


def names(folder):  # what a folder contains; nothing if it does not exist or is a link (1.1)
    real = os.path.isdir(folder) and not os.path.islink(folder)
    return sorted(os.listdir(folder)) if real else []


def understood(file):  # a TOML file that requires nothing of a reader that this one does not know (0.3)
    known = ["batches"]
    missing = [name for name in file.get("requires", []) if not name.startswith("write:") and name not in known]
    if missing:
        raise ValueError(f"it requires {missing}: use a newer reader")
    return file


def set_null(at, entry):  # one entry of nulls, below [params]; one that names something else is ignored (3.11)
    parts = re.findall(r'"(?:[^"\\]|\\.)*"|[^.]+', entry)
    for n, part in enumerate(json.loads(part) if part.startswith('"') else part for part in parts):
        last = n == len(parts) - 1
        if isinstance(at, list):
            if not re.fullmatch(r"0|[1-9]\d{0,8}", part) or int(part) >= len(at) or last and at[int(part)] != "null":
                return
            part = int(part)
            if last:
                at[part] = None
        elif isinstance(at, dict):
            at.setdefault(part, None if last else {})
        else:
            return
        at = at[part]


def read_batches(day):  # the runs in the batches of a day: a list of (record, entry, folder) by id (6.3)
    runs = {}
    for name in names(day):
        if not re.fullmatch(r"batch-[0-9a-hjkmnp-tv-z]{8}", name):
            continue
        try:
            batch = understood(tomllib.loads(read(f"{day}/{name}/runs.toml", 32 << 20).decode()))
            ids = [run["id"] for run in batch["run"]]
            if batch["schema"] < 1 or len(ids) > 1000 or ids != sorted(set(ids)):
                raise ValueError(f"{name}: too many runs, or they are not sorted")
            for run in batch["run"]:
                runs.setdefault(run["id"], []).append((run["toml"].encode(), run, f"{day}/{name}"))
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            print(f"damaged: {error}", file=sys.stderr)
    return runs


def read_record(folder, id, batched):  # the record (3.2), with the annotation files merged in (3.5)
    copies = [(data, hashlib.sha256(data).hexdigest() == run["sha256"]) for data, run, _ in batched]
    if "run.toml" in names(folder):
        copies.append((read(f"{folder}/run.toml", 8 << 20), True))
    if len({data for data, _ in copies}) != 1 or not all(proved for _, proved in copies):
        raise ValueError(f"{folder}: copies of the run differ, or a record is not the one that was written")  # 6.3
    record = understood(tomllib.loads(copies[0][0].decode()))
    if record.get("schema", 0) < 1 or record["id"] != id or record["status"] == "running":
        raise ValueError(f"{folder}: not a finished run with this id")  # 0.3, 2.3
    for entry in record.get("nulls", []):
        set_null(record.setdefault("params", {}), entry)
    files = [name for name in names(f"{folder}/notes") if name.endswith(".toml")]
    notes = [tomllib.loads(read(f"{folder}/notes/{name}", 1 << 20).decode()) for name in files]
    for note in sorted(notes, key=lambda note: note["time"]):  # stable: ties stay in order of name
        record.update({key: note[key] for key in ("name", "note") if key in note})
        tags, removed = record.get("tags", {}), note.get("removed", [])
        record["tags"] = {k: tags[k] for k in tags if k not in removed} | note.get("tags", {})
    return record


def read_file(folder, record, name):  # a file that [files] names, verified before use (3.2)
    want, data = record["files"][name], read(f"{folder}/{name}", 16 << 30)
    if len(data) != want["bytes"] or hashlib.sha256(data).hexdigest() != want["sha256"]:
        raise ValueError(f"{folder}: {name} does not have the recorded size and digest")
    return data


def read_points(data, id=None):  # (key, step, time in µs, value), in order (6); of one run of a batch, if id is given
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
    meta = file.metadata
    groups = (meta.row_group(i) for i in range(meta.num_row_groups))
    codecs = {group.column(i).compression for group in groups for i in range(meta.num_columns)}
    if codecs - {"ZSTD", "UNCOMPRESSED"}:
        raise ValueError(f"a codec that no writer may use: {codecs}")  # 2.2
    table = file.read(columns=["key", "step", "time", "value"] + ["run"] * bool(id))
    if id:
        table = table.filter(pyarrow.compute.equal(table["run"], id))
    columns = table["key"], table["step"], table["time"].cast("int64"), table["value"]
    return list(zip(*(column.to_pylist() for column in columns)))


def digest(points):  # of rows (6.2)
    sum, key = hashlib.sha256(), None
    for name, step, time, value in points:
        if name != key:
            key, text = name, name.encode()
            sum.update(b"k" + struct.pack("<I", len(text)) + text)
        bits = struct.pack("<Q", 0x7FF8 << 48) if math.isnan(value) else struct.pack("<d", value)
        sum.update(b"s" + struct.pack("<q", step) + b"t" + struct.pack("<q", time) + b"v" + bits)
    return sum.hexdigest()


def read_batched(record, run, folder):  # the points of a run of a batch, verified (6.3)
    want = record["files"]["metrics.parquet"]
    points = read_points(read(f"{folder}/metrics.parquet", 32 << 20), record["id"])
    if len(points) != want["rows"] or digest(points) != want.get("points", run.get("points")):
        raise ValueError(f"{folder}: the points of {record['id']} are not those that were recorded")
    return points


root = sys.argv[1]
if "config.toml" in names(root):
    understood(tomllib.loads(read(f"{root}/config.toml", 1 << 20).decode()))
removed = names(f"{root}/removed")  # 12.4
for day in (name for name in names(root) if re.fullmatch(r"\d{4}-\d\d-\d\d", name)):
    batches = read_batches(f"{root}/{day}")
    for id in sorted({*names(f"{root}/{day}"), *batches}):
        folder, batched = f"{root}/{day}/{id}", batches.get(id, [])
        ours = re.fullmatch(day.replace("-", "") + r"-\d{6}-[0-9a-hjkmnp-tv-z]{8}", id)  # 1.2
        if not ours or id in removed or not batched and "run.toml" not in names(folder):
            continue
        try:
            record = read_record(folder, id, batched)
            points = []
            if "metrics.parquet" not in record.get("files", {}):
                pass
            elif batched:
                points = read_batched(record, *batched[0][1:])
            else:
                points = read_points(read_file(folder, record, "metrics.parquet"))
            keys = "id", "name", "status", "tags", "params"
            shown = {key: record[key] for key in keys if key in record}
            print(json.dumps(shown | {"points": len(points)}))
        except (ValueError, KeyError, RecursionError, OSError) as error:  # the others go on (2.3)
            print(f"damaged: {error}", file=sys.stderr)
