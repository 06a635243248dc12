"""Times MLflow's calls against the tracking URI of the environment: medians in ms of each kind of call, as JSON."""

import json
import statistics
import sys
import time

import mlflow


def median(n, call):
    times = []
    for i in range(n):
        began = time.perf_counter()
        call(i)
        times.append(time.perf_counter() - began)
    return round(1000 * statistics.median(times), 3)


mlflow.set_experiment("warm")
with mlflow.start_run():
    mlflow.log_metric("warm", 1)
found = {}
began = time.perf_counter()
mlflow.set_experiment("timed")
run = mlflow.start_run()
found["set_experiment and start_run"] = round(1000 * (time.perf_counter() - began), 1)
found["log_metric"] = median(300, lambda i: mlflow.log_metric("loss", i, step=i))
found["log_metrics(10)"] = median(300, lambda i: mlflow.log_metrics({f"m{k}": i for k in range(10)}, step=i))
found["log_param"] = median(100, lambda i: mlflow.log_param(f"p{i}", i))
found["set_tag"] = median(100, lambda i: mlflow.set_tag(f"t{i}", i))
found["get_run"] = median(50, lambda i: mlflow.get_run(run.info.run_id))
found["search_runs"] = median(20, lambda i: mlflow.search_runs(filter_string="metrics.loss > 1"))
mlflow.end_run()
print(json.dumps(found, indent=2), file=sys.stderr)
