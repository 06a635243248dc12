"""Programs that write to one run, one after another: resumed.py PART FILE [ID...].

The first one makes the run and writes its id to FILE. Part 3 is killed. Part "check" reads the run by further ids.
"""

import os
import signal
import sys
import time

import mlflow

part, place = sys.argv[1], sys.argv[2]
if "RUNS_TEST_URI" in os.environ:
    mlflow.set_tracking_uri(os.environ["RUNS_TEST_URI"])
EXPERIMENT = os.environ.get("RUNS_TEST_EXPERIMENT", "chains")
mlflow.set_experiment(EXPERIMENT)
client = mlflow.MlflowClient()
LAST = 4


def text(path):
    with open(path) as file:
        return file.read()


def check(run_id, parts, status):
    """Compare what the client reads of the run with what the first parts have logged."""
    run = client.get_run(run_id)
    steps = [(m.step, m.value) for m in client.get_metric_history(run_id, "loss")]
    assert steps == [(n, n / 2) for n in range(1, parts + 1)], steps
    again = sorted((m.step, m.value) for m in client.get_metric_history(run_id, "again"))
    assert again == sorted(p for n in range(1, parts + 1) for p in [(0, n), (LAST - n, -n)]), again
    assert run.info.run_id == run_id and run.info.run_name == "whole" and run.info.status in status, run.info
    assert run.data.params == {"lr": "0.1", **{f"p{n}": str(n) for n in range(1, parts + 1)}}, run.data.params
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}
    assert tags == {"last": str(parts), **{f"t{n}": "x" for n in range(1, parts + 1)}}, tags
    last = {"loss": parts / 2, "again": -1.0, **{f"m{n}": float(n) for n in range(1, parts + 1)}}
    assert run.data.metrics == last, run.data.metrics
    files = sorted(f.path for f in client.list_artifacts(run_id))
    assert files == sorted(["last.txt", *(f"{n}.txt" for n in range(1, parts + 1))]), files
    assert text(client.download_artifacts(run_id, "last.txt")) == str(parts)
    assert text(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/1.txt")) == "1"
    assert len(run.inputs.dataset_inputs) == parts, run.inputs.dataset_inputs
    found = mlflow.search_runs(search_all_experiments=True, output_format="list", filter_string=f"metrics.m{parts} > 0")
    assert [r.info.run_id for r in found] == [run_id], found
    assert found[0].data.params == run.data.params and found[0].data.metrics == run.data.metrics
    assert found[0].info.start_time == run.info.start_time
    return run


def log(n):
    import numpy

    mlflow.log_metric("loss", n / 2, step=n)
    mlflow.log_metric(f"m{n}", n)
    mlflow.log_metric("again", n, step=0)
    mlflow.log_metric("again", -n, step=LAST - n)
    mlflow.log_params({f"p{n}": n, "lr": 0.1})
    mlflow.set_tags({f"t{n}": "x", "last": n})
    mlflow.log_text(str(n), f"{n}.txt")
    mlflow.log_text(str(n), "last.txt")
    mlflow.log_input(mlflow.data.from_numpy(numpy.array([n]), name=f"data{n}"), "training")


if part == "1":
    with mlflow.start_run(run_name="whole") as run:
        log(1)
    with open(place, "w") as file:
        file.write(run.info.run_id)
elif part == "check":
    check(text(place), LAST, ["FINISHED"])
    for again in sys.argv[3:]:
        run = client.get_run(again)
        assert run.info.run_id == again and len(run.data.params) == LAST + 1, run
        assert len(client.get_metric_history(again, "loss")) == LAST
elif part == "delete":
    run_id = text(place)
    client.delete_run(run_id)
    time.sleep(float(os.environ.get("RUNS_TEST_SETTLE", "0")))
    kinds = mlflow.entities.ViewType
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    assert client.search_runs([experiment]) == []
    deleted = client.search_runs([experiment], run_view_type=kinds.DELETED_ONLY)
    assert [r.info.run_id for r in deleted] == [run_id] and deleted[0].info.lifecycle_stage == "deleted", deleted
    assert [r.info.run_id for r in client.search_runs([experiment], run_view_type=kinds.ALL)] == [run_id]
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    client.restore_run(run_id)
    assert client.search_runs([experiment], run_view_type=kinds.DELETED_ONLY) == []
    check(run_id, LAST, ["FINISHED"])
else:
    n = int(part)
    run_id = text(place)
    check(run_id, n - 1, ["FAILED", "KILLED", "RUNNING"] if n == 4 else ["FINISHED"])
    with mlflow.start_run(run_id=run_id) as run:
        assert run.info.run_id == run_id, run.info
        check(run_id, n - 1, ["RUNNING"])
        log(n)
        check(run_id, n, ["RUNNING"])
        if n == 3:
            if os.environ.get("RUNS_TEST_KILL_PARENT"):
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
    check(run_id, n, ["FINISHED"])
