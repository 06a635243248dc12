"""Make a database as MLflow 3.17 lays it out, or read all of its rows: python mlflow_db.py PATH [RUNS POINTS].

The points of the runs are interleaved, as those of runs that train at the same time.
"""

import random
import sqlite3
import sys

TABLES = """
CREATE TABLE experiments (experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256),
    lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT,
    workspace VARCHAR(63) DEFAULT 'default' NOT NULL, CONSTRAINT experiment_pk PRIMARY KEY (experiment_id));
CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL, name VARCHAR(250), source_type VARCHAR(20),
    source_name VARCHAR(500), entry_point_name VARCHAR(50), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT,
    end_time BIGINT, source_version VARCHAR(50), lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200),
    experiment_id INTEGER, deleted_time BIGINT, CONSTRAINT run_pk PRIMARY KEY (run_uuid));
CREATE TABLE metrics ("key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
    run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
    CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE TABLE latest_metrics ("key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT,
    step BIGINT NOT NULL, is_nan BOOLEAN NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid));
CREATE TABLE params ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid));
CREATE TABLE tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL,
    CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid));
"""
START = 1700000000000


def make(path, runs, points):
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES)
    db.execute("INSERT INTO experiments VALUES (1, 'bench', '/home/ann/mlruns/1', 'active', 0, 0, 'default')")
    rng = random.Random(1)
    ids = [f"{rng.getrandbits(128):032x}" for _ in range(runs)]
    row = "INSERT INTO {} VALUES ({})".format
    db.executemany(
        row("runs", ",".join("?" * 14)),
        (
            (
                id,
                f"run {i}",
                "LOCAL",
                "",
                "",
                "ann",
                "FINISHED",
                START + i,
                START + 10**7,
                "",
                "active",
                f"/home/ann/mlruns/1/{id}/artifacts",
                1,
                None,
            )
            for i, id in enumerate(ids)
        ),
    )
    db.executemany(row("params", "?,?,?"), ((f"p{k}", str(rng.random()), id) for id in ids for k in range(10)))
    db.executemany(row("tags", "?,?,?"), (("mlflow.user", "ann", id) for id in ids))
    steps = points // runs // 10
    db.executemany(
        row("metrics", "?,?,?,?,?,0"),
        (
            (f"m{k}", rng.random(), START + 1000 * step, id, step)
            for step in range(steps)
            for id in ids
            for k in range(10)
        ),
    )
    db.executemany(
        row("latest_metrics", "?,?,?,?,0,?"),
        ((f"m{k}", 0.5, START + 1000 * steps, steps - 1, id) for id in ids for k in range(10 if steps else 0)),
    )
    db.commit()


def read(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    for table in "experiments", "runs", "params", "tags", "metrics", "latest_metrics":
        for _ in db.execute(f"SELECT * FROM {table}"):
            pass


if len(sys.argv) > 2:
    make(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
else:
    read(sys.argv[1])
