"""Print the finished runs of a .runs folder as JSON: python spec.py PROJECT/.runs"""

import hashlib
import json
import os
import re
import stat
import sys

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
    missing = [name for name in file.get("requires", []) if not name.startswith("write:")]
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


def read_record(folder, id):  # run.toml (3.2), with the annotation files merged in (3.5)
    record = understood(tomllib.loads(read(f"{folder}/run.toml", 8 << 20).decode()))
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


def read_points(data):  # (key, step, time in µs, value), in the order of the file (6)
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
    meta = file.metadata
    groups = (meta.row_group(i) for i in range(meta.num_row_groups))
    codecs = {group.column(i).compression for group in groups for i in range(meta.num_columns)}
    if codecs - {"ZSTD", "UNCOMPRESSED"}:
        raise ValueError(f"a codec that no writer may use: {codecs}")  # 2.2
    table = file.read(columns=["key", "step", "time", "value"])
    columns = table["key"], table["step"], table["time"].cast("int64"), table["value"]
    return list(zip(*(column.to_pylist() for column in columns)))


root = sys.argv[1]
if "config.toml" in names(root):
    understood(tomllib.loads(read(f"{root}/config.toml", 1 << 20).decode()))
removed = names(f"{root}/removed")  # 12.4
for day in (name for name in names(root) if re.fullmatch(r"\d{4}-\d\d-\d\d", name)):
    for id in names(f"{root}/{day}"):
        folder = f"{root}/{day}/{id}"
        ours = re.fullmatch(day.replace("-", "") + r"-\d{6}-[0-9a-hjkmnp-tv-z]{8}", id)  # 1.2
        if not ours or id in removed or "run.toml" not in names(folder):
            continue
        try:
            record = read_record(folder, id)
            points = []
            if "metrics.parquet" in record.get("files", {}):
                points = read_points(read_file(folder, record, "metrics.parquet"))
            keys = "id", "name", "status", "tags", "params"
            shown = {key: record[key] for key in keys if key in record}
            print(json.dumps(shown | {"points": len(points)}))
        except (ValueError, KeyError, RecursionError, OSError) as error:  # the others go on (2.3)
            print(f"damaged: {error}", file=sys.stderr)
