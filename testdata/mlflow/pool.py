"""Eight threads that log to one run by the client, and a pool of processes."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import mlflow
from report import report


def thread(client, run_id, i):
    for step in range(40):
        client.log_metric(run_id, f"thread/{i}", step * i, step=step)
    client.log_param(run_id, f"worker.{i}", i)


def process(run_id, i):
    mlflow.MlflowClient().log_metric(run_id, f"process/{i}", i, step=i)


if __name__ == "__main__":
    with mlflow.start_run(run_name="pool") as run:
        client = mlflow.MlflowClient()
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(thread, client, run.info.run_id, i) for i in range(8)]:
                done.result()
        workers = [
            multiprocessing.get_context("fork").Process(target=process, args=(run.info.run_id, i)) for i in range(3)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0, worker.exitcode
    assert len(client.get_metric_history(run.info.run_id, "thread/7")) == 40
    report(run.info.run_id)
