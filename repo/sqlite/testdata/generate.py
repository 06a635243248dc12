"""Make databases and the rows that SQLite reads from them, for the tests of the reader.

Usage: generate.py FOLDER SEED COUNT
"""

import json
import random
import sqlite3
import struct
import sys

TYPES = [
    "INTEGER",
    "TEXT",
    "FLOAT",
    "REAL",
    "NUMERIC",
    "BLOB",
    "",
    "VARCHAR(250)",
    "BOOLEAN",
    "DECIMAL(10, 5)",
    "BIGINT",
    "DOUBLE PRECISION",
    "UNSIGNED BIG INT",
    "int",
    "DATETIME",
    "CLOB",
]
NAMES = ["a", "key", '"a b"', "[c,d]", "`e)f`", '"g""h"', "value", "ünï", '"primary"', "as_of", '"check"', "x$1"]
DEFAULTS = [
    None,
    None,
    "0",
    "'0'",
    "1.5",
    "-3",
    "+4",
    "'text, (with) ''quotes'''",
    "NULL",
    "TRUE",
    "x'00ff'",
    "'1.0'",
    "1e3",
    "' 12 '",
    "(7)",
    "010",
    "'inf'",
    "0x1F",
    "-1.5e-3",
    '"name"',
    "9223372036854775807",
    "'abc'",
    ".5",
]


def value(rng):
    kind = rng.randrange(10)
    if kind == 0:
        return None
    if kind < 4:
        return rng.choice(
            [
                0,
                1,
                -1,
                127,
                128,
                -129,
                1 << 15,
                1 << 23,
                1 << 31,
                -(1 << 31),
                1 << 40,
                1 << 47,
                1 << 62,
                -(1 << 63),
                (1 << 63) - 1,
                rng.randrange(-1000, 1000),
            ]
        )
    if kind < 6:
        return rng.choice([0.0, -0.0, 1.0, 1.5, -2.25, 1e300, float("inf"), float("-inf"), 1e15, rng.random()])
    if kind < 8:
        size = rng.choice([0, 1, 5, 30, 100, 500, 3000, 70000]) if rng.random() < 0.2 else rng.randrange(20)
        return "".join(rng.choice("abc 012é漢😀'\"") for _ in range(size))
    size = rng.choice([0, 1, 5, 100, 5000, 150000]) if rng.random() < 0.2 else rng.randrange(20)
    return rng.randbytes(size)


def column(rng, name):
    text = name + " " + rng.choice(TYPES)
    if rng.random() < 0.2:
        text += rng.choice([" COLLATE NOCASE", " CHECK (1 OR 'a,b)' = '')", " /* a, comment) */", " -- b,\n"])
    return text


def default(rng):
    d = rng.choice(DEFAULTS)
    return "" if d is None else " DEFAULT " + d


def make_table(db, rng, name):
    names = rng.sample(NAMES, rng.randrange(1, 8))
    columns = [column(rng, n) + default(rng) for n in names]
    keyed = rng.random() < 0.3
    key = rng.random()
    ending = []
    if keyed:
        ending.append(
            "PRIMARY KEY ({})".format(
                ", ".join(
                    n + rng.choice(["", " DESC", " COLLATE NOCASE"]) for n in rng.sample(names, min(len(names), 2))
                )
            )
        )
    elif key < 0.3:
        columns[0] = names[0] + rng.choice(
            [" INTEGER PRIMARY KEY", " INTEGER NOT NULL PRIMARY KEY", " INTEGER PRIMARY KEY DESC", " INT PRIMARY KEY"]
        )
    elif key < 0.6:
        columns[0] = names[0] + " INTEGER"
        ending.append("CONSTRAINT pk PRIMARY KEY ({}{})".format(names[0], rng.choice(["", " DESC"])))
        if rng.random() < 0.5:
            ending.append(f"CHECK (1)\n UNIQUE ({names[-1]})")
    if rng.random() < 0.2:
        columns.append("gen1 INTEGER GENERATED ALWAYS AS (1 + 1) " + rng.choice(["VIRTUAL", "STORED", ""]))
        columns.append("after1 TEXT")
    sep = rng.choice([", ", ",\n\t"])
    db.execute("CREATE TABLE {} ({}){}".format(name, sep.join(columns + ending), " WITHOUT ROWID" if keyed else ""))


def stored(db, name):
    # hidden: 2 is a generated column that is not stored
    return ['"{}"'.format(r[1].replace('"', '""')) for r in db.execute(f"PRAGMA table_xinfo({name})") if r[6] == 0]


def fill(db, rng, name, rows):
    columns = stored(db, name)
    for _ in range(rows):
        some = rng.sample(columns, rng.randrange(1, len(columns) + 1))
        try:
            db.execute(
                "INSERT OR IGNORE INTO {} ({}) VALUES ({})".format(name, ", ".join(some), ", ".join("?" * len(some))),
                [value(rng) for _ in some],
            )
        except sqlite3.IntegrityError:
            pass  # a rowid is an integer


def alter(db, rng, name):
    for i in range(rng.randrange(3)):
        text = f"new{i} {rng.choice(TYPES)}" + default(rng)
        try:
            db.execute(f"ALTER TABLE {name} ADD COLUMN {text}")
        except sqlite3.OperationalError:
            pass  # an expression is refused if there are rows
    if rng.random() < 0.2:
        db.execute("ALTER TABLE {} RENAME TO {}".format(name, f'"{name} renamed"'))
        name = f'"{name} renamed"'
    return name


def encode(v):
    if v is None:
        return "null"
    if isinstance(v, int):
        return f"int {v}"
    if isinstance(v, float):
        return "real " + struct.pack(">d", v).hex()
    if isinstance(v, bytes):
        return "text " + v.hex()
    return "blob " + bytes(v[0]).hex()


def dump(db, path):
    tables = {}
    db.text_factory = bytes
    every = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for (raw,) in db.execute(every).fetchall():
        name = raw.decode()
        quoted = '"{}"'.format(name.replace('"', '""'))
        columns, wanted = [], []
        for r in db.execute(f"PRAGMA table_xinfo({quoted})").fetchall():
            if r[6] != 2:
                columns.append(r[1].decode())
                c = '"{}"'.format(columns[-1].replace('"', '""'))
                wanted += [f"typeof({c})", c]
        rows = []
        for r in db.execute("SELECT {} FROM {} NOT INDEXED".format(", ".join(wanted), quoted)):
            rows.append([encode((v,) if kind == b"blob" else v) for kind, v in zip(r[::2], r[1::2])])
        tables[name] = {"columns": columns, "rows": rows}
    with open(path, "w") as f:
        json.dump(tables, f)


def main(folder, seed, count):
    for i in range(count):
        rng = random.Random(seed * 1000 + i)
        path = f"{folder}/{i:03d}.db"
        db = sqlite3.connect(path)
        db.isolation_level = None
        db.execute("PRAGMA synchronous = OFF")
        db.execute(f"PRAGMA page_size = {rng.choice([512, 1024, 4096, 4096, 8192, 65536])}")
        db.execute("PRAGMA encoding = '{}'".format(rng.choice(["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"])))
        db.execute(f"PRAGMA auto_vacuum = {rng.randrange(3)}")
        db.execute("BEGIN")
        names = []
        for t in range(rng.randrange(1, 5)):
            names.append(f"t{t}")
            make_table(db, rng, names[-1])
        for n in list(names):
            fill(db, rng, n, rng.choice([0, 3, 50, 300]))
            renamed = alter(db, rng, n)
            fill(db, rng, renamed, rng.choice([0, 3, 50]))
            if rng.random() < 0.3:
                db.execute(f"DELETE FROM {renamed} WHERE abs(random()) % 3 = 0")
            try:
                db.execute(f"CREATE INDEX [i {n}] ON {renamed} ({stored(db, renamed)[0]})")
            except sqlite3.OperationalError:
                pass
        db.execute("CREATE VIEW v AS SELECT 1")
        db.execute("COMMIT")
        if rng.random() < 0.3:
            db.execute("VACUUM")
        dump(db, path + ".json")
        db.close()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
