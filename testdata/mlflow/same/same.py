"""Calls of MLflow's client whose outcomes are the same on MLflow's own store of SQLite and on runs.

    same.py REPORT          makes the calls, and writes their outcomes and what the client reads then
    same.py REPORT again    reads what that program has left

What differs on purpose is not called: an end before the start, other codes of an error, deletion of what is committed.
"""

import json
import math
import os
import re
import sys
import tempfile
import threading
import warnings

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag, ViewType

client = MlflowClient()
ids = {}  # names of runs and experiments by their ids
runs = {}  # ids of the runs of each case
cases = []


def case(f):
    cases.append(f)
    return f


def plain(value):
    """Return a value without what differs from program to program."""
    if isinstance(value, float) and not math.isfinite(value) or value in (sys.float_info.max, -sys.float_info.max):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if value is not None and not isinstance(value, (str, int, float)):
        value = type(value).__name__
    return ids.get(value, value) if isinstance(value, str) else value


def outcome(f, *args, **options):
    """Return what a call returns, or the code of its error."""
    try:
        return plain(f(*args, **options))
    except Exception as e:
        return f"error {e.error_code}" if isinstance(e, mlflow.MlflowException) else type(e).__name__


def refused(f, *args, **options):
    """Report whether a call fails: MLflow's own store has other codes for some errors."""
    return isinstance(outcome(f, *args, **options), str)


def made(run, name):
    run_id = getattr(run, "info", run)
    run_id = getattr(run_id, "run_id", run_id)
    ids[run_id] = name
    runs[name] = run_id
    return run_id


def experiment(name):
    return client.create_experiment(name)


def files(run_id, path=None):
    for item in client.list_artifacts(run_id, path):
        yield item.path + ("/" if item.is_dir else "")
        if item.is_dir:
            yield from files(run_id, item.path)


OURS = re.compile(r"mlflow\.source\.git\.")  # only one of the two programs is in a Git repository
GENERATED = re.compile(r"[a-z]+-[a-z]+-\d{1,3}")


def named(text):
    return "generated" if text and GENERATED.fullmatch(text) else text


def context(tags):
    """Return tags without what differs on purpose: ours name the author of a run, not a user of the machine."""
    kept = {k: v for k, v in tags.items() if not OURS.match(k)}
    if kept.get("mlflow.user") != "alice":
        kept.pop("mlflow.user", None)
    if "mlflow.log-model.history" in kept:
        models = json.loads(kept["mlflow.log-model.history"])
        kept["mlflow.log-model.history"] = [[m["artifact_path"], sorted(m["flavors"])] for m in models]
    return {"mlflow.source.name": "same.py", "mlflow.source.type": "LOCAL", **kept}  # also of a run that a client made


def sources(text):
    source = json.loads(text)
    return {**source, "tags": context(source["tags"])} if "tags" in source else source


def described(run_id):
    """Return what the client reads of a run."""
    run = client.get_run(run_id)
    info, tags = run.info, context(run.data.tags)
    if "mlflow.runName" in tags:
        tags["mlflow.runName"] = named(tags["mlflow.runName"])
    history = {k: [(m.step, m.value) for m in client.get_metric_history(run_id, k)] for k in sorted(run.data.metrics)}
    return plain(
        {
            "name": named(info.run_name),
            "status": info.status,
            "stage": info.lifecycle_stage,
            "experiment": client.get_experiment(info.experiment_id).name,
            "ended": info.end_time is not None,
            "in order": info.end_time is None or info.start_time <= info.end_time,
            "params": run.data.params,
            "metrics": run.data.metrics,
            "tags": tags,
            "history": history,
            "files": sorted(files(run_id)),
            "inputs": sorted(
                [
                    d.dataset.name,
                    d.dataset.digest,
                    d.dataset.source_type,
                    sources(d.dataset.source),
                    [d.dataset.schema, d.dataset.profile],
                    sorted((t.key, t.value) for t in d.tags),
                ]
                for d in run.inputs.dataset_inputs
            ),
        }
    )


@case
def fluent():
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="first", tags={"a": "b"}, description="what it is") as run:
        made(run, "fluent")
        mlflow.log_params({"lr": 0.1, "n": 3, "flag": True, "none": None, "list": [1, 2], "text": " x "})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "f1": 0.25})
        mlflow.set_tags({"n": 1, "x/y": "z"})
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "b.json")
    return outcome(lambda: mlflow.last_active_run().info.run_name)


@case
def unnamed():
    e = experiment("unnamed")
    with mlflow.start_run(experiment_id=e) as run:
        made(run, "unnamed")
        found = [named(mlflow.active_run().info.run_name), named(run.data.tags.get("mlflow.runName"))]
    with mlflow.start_run(experiment_id=e, run_name="") as run:
        made(run, "empty name")
        found.append(named(run.info.run_name))
    made(client.create_run(e), "of the client")
    found.append(len(client.search_runs([e], "attributes.run_name LIKE '%-%'")))
    found.append(outcome(client.update_run, runs["unnamed"], name=""))
    found.append(named(client.get_run(runs["unnamed"]).info.run_name))
    found.append(outcome(client.update_run, runs["empty name"], name="given"))
    found.append(outcome(client.set_tag, runs["of the client"], "mlflow.runName", "by tag"))
    client.set_terminated(runs["of the client"])
    return found


@case
def nested():
    e = experiment("nested")
    with mlflow.start_run(experiment_id=e, run_name="outer") as outer:
        made(outer, "outer")
        for i in range(2):
            with mlflow.start_run(experiment_id=e, run_name=f"inner {i}", nested=True) as inner:
                made(inner, f"inner {i}")
                mlflow.log_metric("loss", i)
    found = client.search_runs([e], f"tags.mlflow.parentRunId = '{runs['outer']}'", order_by=["metrics.loss"])
    return [ids[r.info.run_id] for r in found]


@case
def resumed():
    e = experiment("resumed")
    mlflow.set_experiment(experiment_id=e)
    with mlflow.start_run(experiment_id=e, run_name="resumed") as run:
        run_id = made(run, "resumed")
        mlflow.log_metric("loss", 1.0, step=0)
        mlflow.log_metric("loss", 0.5, step=5)
        mlflow.log_param("lr", 1)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("loss", 2.0, step=0)
        mlflow.log_metric("loss", 3.0, step=2)
        found = [outcome(mlflow.log_param, "lr", 2), outcome(mlflow.log_param, "lr", 1)]
    client.log_metric(run_id, "late", 1)
    client.set_tag(run_id, "late", "yes")
    return found


@case
def points():
    e = experiment("points")
    run_id = made(client.create_run(e, run_name="points"), "points")
    for _ in range(3):
        client.log_metric(run_id, "again", 1.5, timestamp=1700000000111, step=2)
    client.log_metric(run_id, "again", 2.5, timestamp=1700000000111, step=2)
    client.log_metric(run_id, "again", 9, timestamp=1700000000100, step=2)
    client.log_metric(run_id, "again", 7, timestamp=1700000000500, step=1)
    at = [Metric("batch", v, 1700000000000 + v, step) for v, step in ((3, 1), (1, 2), (2, 0), (3, 1))]
    client.log_batch(run_id, metrics=at)
    odd = (float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, -0.0, 12345678901234567890, True)
    for i, value in enumerate(odd):
        client.log_metric(run_id, "odd", value, timestamp=1700000001000 + i, step=7)
    client.log_metric(run_id, "steps", 1, step=-3, timestamp=1700000002000)
    client.log_metric(run_id, "steps", 2, step=1 << 40, timestamp=1700000001000)
    client.log_metric(run_id, "steps", 3, step=0, timestamp=1700000003000)
    client.log_metric(run_id, "time 0", 3, step=0, timestamp=0)
    client.set_terminated(run_id)
    return [
        outcome(client.log_metric, run_id, "text", "one"),
        outcome(client.log_metric, run_id, "none", None),
        outcome(client.log_metric, run_id, "step", 1, step="3"),
        outcome(client.log_metric, run_id, "", 1),
        outcome(client.log_metric, run_id, "a//b", 1),
        outcome(client.log_metric, run_id, "a@b", 1),
        outcome(client.log_metric, run_id, "k" * 251, 1),
        outcome(client.log_metric, run_id, "time", 1, timestamp=-1),
        outcome(lambda: client.get_metric_history(run_id, "none such")),
    ]


@case
def deleted():
    e = experiment("deleted")
    keep = made(client.create_run(e, run_name="keep"), "keep")
    with mlflow.start_run(experiment_id=e, run_name="gone") as run:
        gone = made(run, "gone")
        mlflow.log_metric("before", 1, step=1)
        mlflow.log_param("p", 1)
    client.delete_run(gone)
    found = [
        outcome(client.log_metric, gone, "a", 1),
        outcome(client.log_param, gone, "a", 1),
        outcome(client.set_tag, gone, "a", 1),
        outcome(client.delete_tag, gone, "a"),
        outcome(client.log_batch, gone, params=[Param("z", "1")]),
        outcome(client.set_terminated, gone),
        outcome(client.update_run, gone, name="x"),
        outcome(lambda: client.get_run(gone).info.lifecycle_stage),
        outcome(lambda: len(client.get_metric_history(gone, "before"))),
        outcome(client.delete_run, gone),
        outcome(lambda: [r.info.run_id for r in client.search_runs([e])]),
        outcome(lambda: [r.info.run_id for r in client.search_runs([e], run_view_type=ViewType.DELETED_ONLY)]),
        outcome(lambda: len(client.search_runs([e], run_view_type=ViewType.ALL))),
        outcome(client.restore_run, gone),
        outcome(client.restore_run, gone),
        outcome(client.log_metric, gone, "after", 1),
        outcome(client.delete_run, "no such run"),
        outcome(client.restore_run, "no such run"),
    ]
    with mlflow.start_run(experiment_id=e, run_name="deleted while it is active") as run:
        made(run, "while active")
        mlflow.log_metric("before", 1)
        client.delete_run(run.info.run_id)
        found.append(outcome(mlflow.log_metric, "a", 1))
        found.append(outcome(mlflow.log_metrics, {"a": 1, "b": float("nan")}))
        found.append(outcome(mlflow.log_param, "a", 1))
        found.append(outcome(mlflow.set_tag, "a", 1))
        client.restore_run(run.info.run_id)
        found.append(outcome(mlflow.log_metric, "after", 1))
    client.set_terminated(keep, "KILLED")
    return found


@case
def deleted_experiment():
    e = experiment("deleted experiment")
    with mlflow.start_run(experiment_id=e, run_name="of it") as run:
        of = made(run, "of a deleted experiment")
    client.delete_experiment(e)
    found = [
        outcome(lambda: client.get_experiment(e).lifecycle_stage),
        outcome(lambda: client.get_experiment_by_name("deleted experiment").lifecycle_stage),
        outcome(lambda: client.get_run(of).info.lifecycle_stage),
        outcome(client.log_metric, of, "a", 1),
        outcome(client.create_run, e),
        outcome(mlflow.set_experiment, "deleted experiment"),
        outcome(client.create_experiment, "deleted experiment"),
        outcome(lambda: len(client.search_runs([e]))),
        outcome(lambda: len(client.search_runs([e], run_view_type=ViewType.DELETED_ONLY))),
        outcome(lambda: len(client.search_runs([e], run_view_type=ViewType.ALL))),
        outcome(client.rename_experiment, e, "other"),
        outcome(client.set_experiment_tag, e, "a", "b"),
        outcome(client.delete_experiment, e),
        outcome(lambda: [x.name for x in client.search_experiments(view_type=ViewType.DELETED_ONLY)]),
        outcome(client.restore_experiment, e),
        outcome(client.restore_experiment, e),
        outcome(lambda: client.get_run(of).info.lifecycle_stage),
        outcome(client.log_metric, of, "after", 1),
        outcome(client.delete_experiment, "123456"),
        outcome(client.restore_experiment, "123456"),
    ]
    return found


@case
def experiments():
    def name(experiment_id):
        return client.get_experiment(experiment_id).name

    e = experiment("experiments")
    client.set_experiment_tag(e, "a", 1)
    found = [
        outcome(client.create_experiment, ""),
        outcome(lambda: name(client.create_experiment(" spaced "))),
        outcome(lambda: name(client.create_experiment("a/b: c@d"))),
        outcome(client.create_experiment, "experiments"),
        outcome(client.create_experiment, "x" * 501),
        outcome(client.create_experiment, None),
        outcome(client.rename_experiment, e, "renamed"),
        outcome(lambda: client.get_experiment_by_name("experiments")),
        outcome(lambda: client.get_experiment_by_name("renamed").tags),
        refused(client.rename_experiment, e, "fluent"),
        outcome(client.set_experiment_tag, "0", "default", "b"),
        outcome(lambda: client.get_experiment("0").tags),
        outcome(client.set_experiment_tag, "0", "default", "c"),
        outcome(lambda: client.get_experiment_by_name("Default").tags),
        outcome(lambda: [x.name for x in client.search_experiments(filter_string="tags.default = 'c'")]),
        outcome(lambda: sorted(x.name for x in client.search_experiments(filter_string="name LIKE 're%'"))),
        outcome(lambda: len(client.search_experiments(order_by=["name", "name"]))),
        outcome(lambda: client.search_experiments(order_by=["nothing"])),
        outcome(client.get_experiment, "123456"),
        outcome(client.create_experiment, "tagged", tags={"a": "b"}) != "",
    ]
    if mlflow.__version__ >= "3":
        found.append(outcome(mlflow.set_experiment, ""))
    return found


@case
def search():
    e = experiment("search")
    for i in range(6):
        with mlflow.start_run(experiment_id=e, run_name=f"s{i}") as run:
            made(run, f"s{i}")
            mlflow.log_param("i", i)
            if i != 3:
                mlflow.log_metric("m", float("nan") if i == 4 else -i)
            mlflow.set_tag("odd", i % 2)

    def names(where="", order=("attributes.start_time DESC",), **options):
        return [r.info.run_name for r in client.search_runs([e], where, order_by=list(order), **options)]

    wheres = [
        "metrics.m < -1",
        "params.i = '2'",
        "params.i != '2'",
        "tags.odd = '1' and metrics.m <= -1",
        "attributes.run_name LIKE 's%'",
        "run_name ILIKE 'S1'",
        "attributes.status = 'FINISHED'",
        "attributes.run_name IN ('s1', 's2')",
        "params.i IN ('1')",
        "metrics.`m` < -1",
        "params.none = 'a'",
        "metrics.m = 'a'",
        "metrics.m",
        "nothing.m = 1",
        "params.i = 2",
        "attributes.start_time > 0",
        "attributes.end_time > 0",
        "metrics.m > -2 or metrics.m < -3",
        "status = 'RUNNING'",
        f"attributes.run_id = '{runs['s0']}'",
        "params.i LIKE '%'",
    ]
    if mlflow.__version__ >= "3":
        wheres += ["params.i IS NULL", "tags.none IS NULL", "tags.odd IS NOT NULL", "metrics.m > -2"]
    orders = [
        ["metrics.m"],
        ["metrics.m DESC"],
        ["params.i DESC"],
        ["tags.odd", "params.i"],
        ["run_name"],
        ["attributes.end_time", "params.i"],
        ["metrics.none", "run_name"],
        ["metrics.m wrong"],
        ["nothing"],
        ["Created"],
    ]
    twice = [
        ["metrics.m", "metrics.m"],
        ["params.i", "params.`i` DESC"],
        ["metric.m", "metrics.m"],
        ["start_time", "attributes.start_time"],
        ["start_time DESC", "start_time"],
    ]
    found = [
        outcome(names),
        *(outcome(names, where) for where in wheres),
        *(outcome(names, "", order) for order in orders),
        *(refused(names, "", order) for order in twice),
        outcome(names, max_results=0),
        outcome(names, max_results=-1),
        outcome(names, max_results=50001),
        outcome(lambda: client.search_runs([e], max_results=2, order_by=["run_name"]).token is not None),
    ]
    first = client.search_runs([e], max_results=4, order_by=["run_name"])
    rest = client.search_runs([e], max_results=4, order_by=["run_name"], page_token=first.token)
    return found + [[r.info.run_name for r in first], [r.info.run_name for r in rest], rest.token or ""]


@case
def times():
    e = experiment("times")
    run_id = made(client.create_run(e, start_time=1600000000000, run_name="times"), "times")
    found = [client.get_run(run_id).info.start_time]
    client.set_terminated(run_id, end_time=1600000060000)
    found += [client.get_run(run_id).info.start_time, client.get_run(run_id).info.end_time]
    return found


@case
def artifacts():
    e = experiment("artifacts")
    with mlflow.start_run(experiment_id=e, run_name="artifacts") as run:
        run_id = made(run, "artifacts")
        with tempfile.TemporaryDirectory() as dir:
            os.makedirs(os.path.join(dir, "d", "e"))
            for name in ("a.txt", "d/b.txt", "d/e/c.txt"):
                with open(os.path.join(dir, name), "w") as file:
                    file.write(name)
            mlflow.log_artifacts(dir, "all")
            mlflow.log_artifact(os.path.join(dir, "a.txt"))
            mlflow.log_artifact(os.path.join(dir, "d"), "below")
        mlflow.log_table({"a": [1, 2], "b": ["x", "y"]}, "table.json")
        mlflow.log_text("one", "text.txt")
        mlflow.log_text("two", "text.txt")
        found = [
            outcome(lambda: mlflow.artifacts.load_text(f"runs:/{run_id}/text.txt")),
            outcome(lambda: [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id)]),
            outcome(lambda: [f.path for f in client.list_artifacts(run_id, "all/d")]),
            outcome(lambda: [f.path for f in client.list_artifacts(run_id, "a.txt")]),
            outcome(lambda: [f.path for f in client.list_artifacts(run_id, "none")]),
            outcome(client.list_artifacts, run_id, "../x"),
            outcome(lambda: client.download_artifacts(run_id, "none")).split()[0],
            outcome(mlflow.log_text, "x", "../x.txt"),
            outcome(mlflow.log_artifact, "no such file"),
        ]
    return found


@case
def model():
    from sklearn.linear_model import LinearRegression

    e = experiment("model")
    fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    with mlflow.start_run(experiment_id=e, run_name="model") as run:
        run_id = made(run, "model")
        mlflow.log_metric("loss", 1, step=3)
        if mlflow.__version__ >= "3":
            mlflow.sklearn.log_model(fitted, name="m", step=3)
        else:
            mlflow.sklearn.log_model(fitted, "m")
        found = [outcome(lambda: list(mlflow.sklearn.load_model(f"runs:/{run_id}/m").predict([[2.0]])))]
    found.append(sorted(files(run_id)))
    if mlflow.__version__ >= "3":
        for m in client.search_logged_models([e]):
            ids[m.model_id] = "<model>"
            tags = context(m.tags)
            found.append(plain([m.name, m.source_run_id, str(m.status), m.params, m.model_type or None, tags]))
            found.append(sorted(f.path for f in client.list_logged_model_artifacts(m.model_id)))
        found.append(outcome(lambda: [o.model_id for o in client.get_run(run_id).outputs.model_outputs]))
    return found


def about(model_id):
    """Return all points about a model, sorted."""
    metrics = client.get_logged_model(model_id).metrics or []
    points = [
        [m.timestamp, m.step, m.key, m.value, m.dataset_name, m.dataset_digest, m.run_id, m.model_id] for m in metrics
    ]
    return sorted(plain(points), key=str)


@case
def measured():
    if mlflow.__version__ < "3":
        return []
    e = experiment("measured")
    at = 1764000000000
    sets = [mlflow.data.from_numpy(np.arange(n), name=f"d{n}") for n in (3, 4)]
    models = {}
    with mlflow.start_run(experiment_id=e, run_name="maker") as run:
        made(run, "maker")
        for name in ("a", "b"):
            m = mlflow.initialize_logged_model(name=name)
            models[name] = m.model_id
            ids[m.model_id] = f"<measured {name}>"
        for i in range(4):
            mlflow.log_metric("z", i * 0.5, step=i, timestamp=at + 4 - i, model_id=models["a"])
        mlflow.log_metric("y", 0.5, step=0, timestamp=at, model_id=models["a"], dataset=sets[0])
        mlflow.log_metric("y", 0.7, step=1, timestamp=at, model_id=models["a"], dataset=sets[1])
        for _ in range(2):
            mlflow.log_metric("y", 0.9, step=0, timestamp=at, model_id=models["b"])
        found = [len(mlflow.finalize_logged_model(models["a"], "READY").metrics)]
    for name in ("other", "third"):
        with mlflow.start_run(experiment_id=e, run_name=name) as run:
            made(run, name)
            mlflow.log_metric("y", 0.1, step=9, timestamp=at - 5, model_id=models["a"])
            mlflow.log_metric("y", 0.2, step=0, timestamp=at + 9, model_id=models["b"])
            found.append(about(models["a"]))

    def search(text=None, **options):
        return outcome(lambda: [m.name for m in client.search_logged_models([e], text, **options)])

    for text in (
        "metrics.y > 0.6",
        "metrics.y < 0.15",
        "metrics.z = 0.5",
        "metrics.y = 0.9 AND metrics.z > 0.2",
        "metrics.y != 0.9",
        "metrics.nope > 0",
    ):
        found.append(search(text))
    for name in ("d3", "d4", "nope"):
        on = [{"dataset_name": name}]
        found += [search(datasets=on), search("metrics.y > 0.6", datasets=on), search("name = 'a'", datasets=on)]
    y = {"field_name": "metrics.y"}
    for order in (
        [y],
        [{**y, "ascending": False}],
        [{**y, "dataset_name": "d3"}],
        [{**y, "dataset_name": "d4", "ascending": False}, y],
        [{"field_name": "metrics.z"}, {"field_name": "name"}],
        [{"field_name": "params.x"}],
        [{"field_name": "nope"}],
    ):
        found.append(search(order_by=order))
    found.append(search(datasets=[{"dataset_name": "d3"}], order_by=[{**y, "ascending": False}]))
    return found


@case
def inputs():
    import numpy

    def given(name, kind, source, **tags):
        tags = [InputTag(k.replace("_", "."), v) for k, v in tags.items()]
        return DatasetInput(Dataset(name, name, kind, json.dumps(source)), tags)

    e = experiment("inputs")
    with mlflow.start_run(experiment_id=e, run_name="inputs") as run:
        run_id = made(run, "inputs")
        for n, context in ((1, "training"), (2, "validation"), (1, "training"), (1, "test"), (3, None)):
            mlflow.log_input(mlflow.data.from_numpy(numpy.arange(n), name=f"data{n}"), context)
        mlflow.log_input(mlflow.data.from_numpy(numpy.arange(4), name="data4"), tags={"a": "b", "c d": "e"})
        hub = {"path": "imdb", "config_name": None, "data_files": ["a.csv"], "split": "train", "revision": "main"}
        sets = [
            given("hub", "hugging_face", hub, x="y", mlflow_data_context="test"),
            given("delta", "delta_table", {"delta_table_name": "main.t", "delta_table_version": 3}),
            given("sql", "spark", {"sql": "select 1"}),
            given("bucket", "s3", {"uri": "s3://bucket/x.csv"}),
            given("page", "http", {"url": "https://example.org/x.csv"}),
        ]
        client.log_inputs(run_id, sets)
    return [
        outcome(lambda: len(client.search_runs([e], "datasets.name = 'data1'"))),
        outcome(lambda: len(client.search_runs([e], "dataset.context = 'test'"))),
        outcome(client.log_inputs, run_id, [given("long", "s3", {"uri": "s3://x"}, a="x" * 501)]),
        outcome(client.log_inputs, run_id, [given("long", "s3", {"uri": "s3://x"}, **{"x" * 256: "a"})]),
    ]


@case
def contexts():
    e = experiment("contexts")
    tags = {"mlflow.user": "alice", "mlflow.source.name": "notebook.ipynb", "mlflow.source.type": "NOTEBOOK"}
    with mlflow.start_run(experiment_id=e, run_name="contexts", tags=tags) as run:
        made(run, "contexts")
    with mlflow.start_run(experiment_id=e, run_name="changed") as run:
        run_id = made(run, "changed")
        for name in ("other.py", "same.py"):
            mlflow.set_tag("mlflow.source.name", name)
        mlflow.set_tag("mlflow.source.type", "PROJECT")
        mlflow.set_tag("mlflow.log-model.history", '[{"artifact_path": "a", "flavors": {}}]')
    client.set_tag(run_id, "mlflow.user", "alice")

    def found(where):
        return outcome(lambda: len(client.search_runs([e], where)))

    return [
        found("tags.`mlflow.user` = 'alice'"),
        found("tags.`mlflow.source.name` = 'same.py'"),
        found("tags.`mlflow.source.type` IN ('PROJECT', 'NOTEBOOK')"),
        found("tags.`mlflow.log-model.history` LIKE '%artifact%'"),
    ]


@case
def params_and_tags():
    e = experiment("params")
    run_id = made(client.create_run(e, run_name="params", tags={"at start": "x", "n": 1}), "params")
    found = [
        outcome(client.log_param, run_id, "a", 1),
        outcome(client.log_param, run_id, "a", "1"),
        outcome(client.log_param, run_id, "a", 1.0),
        outcome(client.log_param, run_id, "long", "x" * 6000),
        outcome(client.log_param, run_id, "longer", "x" * 6001),
        outcome(client.log_param, run_id, "k" * 251, 1),
        outcome(client.log_param, run_id, "", 1),
        outcome(client.log_param, run_id, "a@b", 1),
        outcome(client.log_param, run_id, "../a", 1),
        outcome(client.log_param, run_id, "empty", ""),
        outcome(client.log_param, run_id, "dotted.key", 1e-5),
        outcome(client.log_param, run_id, "dotted", "\n two lines\n"),
        outcome(client.log_batch, run_id, params=[Param(f"p{i % 7}", str(i % 7)) for i in range(101)]),
        outcome(client.log_batch, run_id, params=[Param("b", "1"), Param("b", "2")]),
        outcome(client.log_batch, run_id, params=[Param("c", "1"), Param("a", "2")]),
        outcome(client.log_batch, run_id, metrics=[Metric("m", i, i + 1, i) for i in range(1001)]),
        outcome(client.log_batch, run_id, tags=[RunTag("t1", "1"), RunTag("t1", "2")]),
        outcome(client.set_tag, run_id, "long", "x" * 8001),
        outcome(client.set_tag, run_id, "a@b", "1"),
        outcome(client.set_tag, run_id, "empty", ""),
        outcome(client.set_tag, run_id, "gone", "1"),
        outcome(client.delete_tag, run_id, "gone"),
        outcome(client.delete_tag, run_id, "gone"),
        outcome(client.set_tag, run_id, "back", "1"),
        outcome(client.delete_tag, run_id, "back"),
        outcome(client.set_tag, run_id, "back", "2"),
        outcome(client.set_tag, run_id, "mlflow.note.content", "a note"),
        outcome(client.log_dict, run_id, {"a": 1}, "d.yaml"),
    ]
    client.set_terminated(run_id, "FAILED")
    return found


@case
def states():
    e = experiment("states")
    found = []
    for status in ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"):
        run_id = made(client.create_run(e, run_name=status), f"state {status}")
        found.append(outcome(client.update_run, run_id, status=status))
        found.append(client.get_run(run_id).info.status)
        client.set_terminated(run_id, status if RunStatus.is_terminated(RunStatus.from_string(status)) else None)
    try:
        with mlflow.start_run(experiment_id=e, run_name="raises") as run:
            made(run, "raises")
            raise ValueError("no")
    except ValueError:
        pass
    found.append(outcome(client.set_terminated, runs["raises"], "WRONG"))
    found.append(outcome(client.get_run, "no such run"))
    found.append(outcome(client.log_metric, "no such run", "a", 1))
    return found


@case
def fractional():
    e = experiment("fractional")
    with mlflow.start_run(experiment_id=e, run_name="fractional") as run:
        made(run, "fractional")
        mlflow.log_metric("float step", 1, step=3.0)
        mlflow.log_metric("float value", "1.5")
    return []


@case
def threads():
    e = experiment("threads")
    with mlflow.start_run(experiment_id=e, run_name="threads") as run:
        run_id = made(run, "threads")

        def log(n):
            for step in range(20):
                client.log_metric(run_id, f"m{n}", step, step=step)

        all_ = [threading.Thread(target=log, args=(n,)) for n in range(3)]
        for t in all_:
            t.start()
        for t in all_:
            t.join()
        for step in range(20):
            mlflow.log_metric("async", step, step=step, synchronous=False)
        mlflow.flush_async_logging()
    return []


@case
def autolog():
    from sklearn.ensemble import RandomForestRegressor

    mlflow.set_experiment("autolog")
    mlflow.sklearn.autolog(log_models=False, silent=True)
    with mlflow.start_run(run_name="autolog") as run:
        made(run, "autolog")
        RandomForestRegressor(n_estimators=2, random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
    mlflow.sklearn.autolog(disable=True)
    return []


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    told = {}
    state = "state.json"
    if len(sys.argv) > 2 and sys.argv[2] == "again":
        with open(state) as file:
            ids.update(json.load(file))
        runs.update({name: known for known, name in ids.items() if not name.startswith("<")})
    else:
        for f in cases:
            told[f.__name__] = outcome(f)
        with open(state, "w") as file:
            json.dump(ids, file)
    for name, run_id in runs.items():
        told["run " + name] = outcome(described, run_id)
    for known, name in ids.items():
        if name.startswith("<measured"):
            told[name] = outcome(about, known)
    with open(sys.argv[1], "w") as file:
        json.dump(told, file, indent=1, sort_keys=True)
