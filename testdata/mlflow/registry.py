"""Experiment, runs, register, describe, stage, alias, load by each: what a course on MLflow's registry does."""

import warnings

import mlflow
import numpy as np
from mlflow.tracking import MlflowClient
from sklearn.linear_model import Ridge

warnings.filterwarnings("ignore", category=FutureWarning)  # stages are deprecated
x = np.arange(12.0).reshape(6, 2)
y = x @ [1.0, 2.0]
three = int(mlflow.__version__.split(".")[0]) >= 3
name = {"name": "model"} if three else {"artifact_path": "model"}
client = MlflowClient()


def fails(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except mlflow.MlflowException as e:
        assert e.error_code == code and "\n" not in str(e), (code, e.error_code, str(e))
    else:
        raise AssertionError(f"{call} did not fail")


mlflow.set_experiment("taxi")
models, runs = {}, {}
for alpha in (0.1, 10.0):
    with mlflow.start_run(run_name=f"alpha {alpha}") as run:
        mlflow.log_param("alpha", alpha)
        models[alpha] = Ridge(alpha=alpha).fit(x, y)
        mlflow.log_metric("rmse", float(np.sqrt(np.mean((models[alpha].predict(x) - y) ** 2))))
        runs[alpha] = run.info.run_id
        if alpha == 0.1:  # both ways to register
            mlflow.sklearn.log_model(models[alpha], registered_model_name="taxi", **name)
        else:
            mlflow.sklearn.log_model(models[alpha], **name)
best = mlflow.search_runs(order_by=["metrics.rmse ASC"]).iloc[0].run_id
assert best == runs[0.1]
second = mlflow.register_model(f"runs:/{runs[10.0]}/model", "taxi", tags={"by": "course"})
assert (second.version, second.current_stage, second.status) in [("2", "None", "READY"), (2, "None", "READY")], second
assert second.run_id == runs[10.0] and second.tags == {"by": "course"}

client.update_registered_model("taxi", description="Fares")
client.set_registered_model_tag("taxi", "team", "rides")
client.set_registered_model_tag("taxi", "gone", "1")
client.delete_registered_model_tag("taxi", "gone")
client.update_model_version("taxi", "1", description="The better one")
client.set_model_version_tag("taxi", "1", "reviewed", "yes")
client.delete_model_version_tag("taxi", "2", "by")
client.transition_model_version_stage("taxi", "1", "Production")
client.transition_model_version_stage("taxi", "2", "Staging")
client.set_registered_model_alias("taxi", "champion", "1")

model = client.get_registered_model("taxi")
assert (model.description, model.tags) == ("Fares", {"team": "rides"})
assert {k: str(v) for k, v in model.aliases.items()} == {"champion": "1"}
assert {(v.current_stage, str(v.version)) for v in model.latest_versions} == {("Production", "1"), ("Staging", "2")}
version = client.get_model_version_by_alias("taxi", "champion")
assert (version.description, version.tags, version.run_id) == ("The better one", {"reviewed": "yes"}, runs[0.1])
for which, alpha in {
    "/1": 0.1, "/2": 10.0, "/Production": 0.1, "/Staging": 10.0, "/latest": 10.0, "@champion": 0.1
}.items():  # fmt: skip
    loaded = mlflow.sklearn.load_model(f"models:/taxi{which}")
    assert np.allclose(loaded.predict(x), models[alpha].predict(x)), which
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/taxi{which}").predict(x), models[alpha].predict(x)), which

third = mlflow.register_model(f"runs:/{runs[0.1]}/model", "taxi")
client.transition_model_version_stage("taxi", "3", "Production", archive_existing_versions=True)
assert client.get_model_version("taxi", "1").current_stage == "Archived"
assert [str(v.version) for v in client.get_latest_versions("taxi", stages=["Production"])] == ["3"]
client.transition_model_version_stage("taxi", "2", "None")
client.copy_model_version("models:/taxi@champion", "copy")
client.create_registered_model("empty", tags={"team": "none"}, description="No version")


def versions(where=None, **options):
    return [(v.name, int(v.version)) for v in client.search_model_versions(where, **options)]


assert sorted(versions()) == [("copy", 1), ("taxi", 1), ("taxi", 2), ("taxi", 3)]
assert versions("name='taxi'", order_by=["version_number ASC"]) == [("taxi", 1), ("taxi", 2), ("taxi", 3)]
assert versions(f"run_id='{runs[10.0]}'") == [("taxi", 2)]
assert versions("name='taxi' AND tag.reviewed='yes'") == [("taxi", 1)]
page = client.search_model_versions("name='taxi'", max_results=2, order_by=["version_number DESC"])
assert [int(v.version) for v in page] == [3, 2]
rest = client.search_model_versions(
    "name='taxi'", max_results=2, order_by=["version_number DESC"], page_token=page.token
)
assert [int(v.version) for v in rest] == [1] and not rest.token
assert [m.name for m in client.search_registered_models()] == ["copy", "empty", "taxi"]
assert [m.name for m in client.search_registered_models("name ILIKE 'TA%'")] == ["taxi"]
assert [m.name for m in client.search_registered_models("tags.team='none'")] == ["empty"]
assert [m.name for m in client.search_registered_models(order_by=["name DESC"], max_results=1)] == ["taxi"]

missing, exists, wrong = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE"
fails(exists, client.create_registered_model, "taxi")
fails(exists, client.rename_registered_model, "copy", "taxi")
fails(missing, client.get_registered_model, "other")
fails(missing, client.get_model_version, "taxi", "9")
fails(missing, client.get_model_version_by_alias, "taxi", "other")
fails(missing, client.delete_registered_model, "other")
fails(wrong, client.create_registered_model, "../up")
fails(wrong, client.search_registered_models, "size > 3")
fails(wrong, client.transition_model_version_stage, "taxi", "1", "Nowhere")
for source in ("file:///etc", "/etc/passwd", f"runs:/{runs[0.1]}/../x", "s3://bucket/model"):
    fails(wrong, client.create_model_version, "taxi", source, run_id=runs[0.1])
client.rename_registered_model("copy", "renamed")
client.delete_model_version("renamed", "1")
client.delete_registered_model("renamed")
client.delete_registered_model("empty")
client.set_registered_model_alias("taxi", "gone", "2")
client.delete_registered_model_alias("taxi", "gone")
assert [m.name for m in client.search_registered_models()] == ["taxi"]
