"""Models as folders that MLflow loads, and the way back to the object. Neither needs MLflow.

The folder has MLflow's files: MLmodel, the model, its requirements and an example of its input. `load_model` reads the
flavors of such a folder, whoever wrote it. A pickle runs code when it is read, so `_Source.trusted` decides whether one
is read at all.
"""

from __future__ import annotations

import json
import os
import sys
import time

from . import _binary, _files, _live
from ._errors import Error, NotFoundError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_MOST_MLMODEL = 1 << 20
_PACKAGES = {"lightgbm": "lightgbm", "sklearn": "scikit-learn", "xgboost": "xgboost"}
_XGBOOST = {"XGBClassifier", "XGBRanker", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"}
# MLflow's names of the types of columns, by the kind and the size in bytes of a numpy type.
_COLUMN = {"i8": "long", "u4": "long", "f4": "float", "f8": "double"}
_COLUMN.update({"i1": "integer", "i2": "integer", "i4": "integer", "u1": "integer", "u2": "integer", "b1": "boolean"})


def flavor_of(model: Any) -> str:
    """Return the library that a model belongs to, or '' if it is not supported."""
    roots = {c.__module__.partition(".")[0] for c in type(model).__mro__}
    return next((name for name in ("xgboost", "lightgbm", "sklearn") if name in roots), "")


def log_model(
    run: Any, model: Any, name: str, signature: Any = None, input_example: Any = None, metadata: Any = None
) -> str:
    """Write a model as a folder of the run's artifacts, and return its path.

    Raises UsageError if the model, the name, the signature or the example is not of a supported kind.
    """
    flavor = flavor_of(model)
    if not flavor:
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise UsageError(
            "log_model: model must be a model of scikit-learn, XGBoost or LightGBM, or the path of a file, "
            f"got {kind}; save it to a file and pass its path"
        )
    if why := _files.unportable(name):
        raise UsageError(f"log_model: name {name!r} cannot be a folder: {why}")
    if run.disabled:
        return name
    top = os.path.join(run._folder, "artifacts")
    if os.path.lexists(os.path.join(top, *name.split("/"))):
        raise UsageError(f"log_model: this run already has artifacts named {name!r}; give another name")
    files, flavors = _saved(model, flavor)
    example = None if input_example is None else _example(input_example)
    if signature is None and example is not None:
        signature = {
            "inputs": _schema(input_example),
            "outputs": _schema(_predicted(model, input_example)),
            "params": None,
        }
    mlmodel: dict[str, Any] = {"flavors": flavors}
    if metadata is not None:
        mlmodel["metadata"] = metadata
    mlmodel["model_uuid"] = os.urandom(16).hex()
    if example is not None:
        info, columns, serving = example
        files["input_example.json"] = columns
        files["serving_input_example.json"] = serving
        mlmodel["saved_input_example_info"] = info
    if signature is not None:
        mlmodel["signature"] = _signature(signature)
    mlmodel["utc_time_created"] = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime())
    files.update(_environment(flavor))
    files["MLmodel"] = yaml(mlmodel).encode()
    _files.no_links(top, name + "/MLmodel")
    for path, data in files.items():
        at = f"{name}/{path}"
        to = os.path.join(top, *at.split("/"))
        sha, size = _files.write(to, data, _files.staging(run))
        _files.line(run, to, at, "model", sha, size, name, run._step)
    return name


def _predicted(model: Any, data: Any) -> Any:
    """Return what a model predicts for its example. Raises UsageError if it cannot."""
    try:
        return _prediction(model, data)
    except Exception as e:
        raise UsageError(
            f"log_model: predicting input_example with the model: {type(e).__name__}: {e}; "
            "give an example that the model can predict, or give signature too"
        ) from e


def _prediction(model: Any, data: Any) -> Any:
    if flavor_of(model) == "xgboost" and type(model).__name__ == "Booster":
        import xgboost

        return model.predict(xgboost.DMatrix(data))
    return model.predict(data)


def _pickled(model: Any) -> tuple[bytes, str]:
    try:
        import cloudpickle
    except ImportError:
        import pickle

        return pickle.dumps(model), "pickle"
    return cloudpickle.dumps(model), "cloudpickle"  # also classes and functions of the main program


def _saved(model: Any, flavor: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files of a model, and the flavors of its MLmodel."""
    version = _version(_PACKAGES[flavor])
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    pyfunc = {
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": f"mlflow.{flavor}",
        "python_version": sys.version.split()[0],
    }
    own: dict[str, Any] = {"code": None}
    if flavor == "sklearn":
        data, how = _pickled(model)
        name = "model.pkl"
        own.update(pickled_model=name, serialization_format=how, sklearn_version=version)
        pyfunc.update(model_path=name, predict_fn="predict")
    elif flavor == "xgboost":
        name = "model.ubj"
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        data = _by_file(model.save_model, name) if booster is not model else bytes(model.save_raw("ubj"))
        own.update(data=name, model_class=kind, model_format="ubj", xgb_version=version)
        pyfunc.update(data=name)
    else:
        is_booster = type(model).__name__ == "Booster"
        name = "model.lgb" if is_booster else "model.pkl"
        data = model.model_to_string().encode() if is_booster else _pickled(model)[0]
        own.update(data=name, model_class=kind, lgb_version=version)
        pyfunc.update(data=name)
    return {name: data}, {flavor: own, "python_function": pyfunc}


def _by_file(save: Any, name: str) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gitruns-model-") as folder:
        path = os.path.join(folder, name)
        save(path)
        with open(path, "rb") as f:
            return f.read()


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _environment(flavor: str) -> dict[str, bytes]:
    """Return the files that tell which packages the model needs."""
    needed = []
    for package in ("mlflow", "cloudpickle", "numpy", "pandas", "scikit-learn", "scipy", _PACKAGES[flavor]):
        found = _version(package)
        line = f"{package}=={found}" if found else package
        if line not in needed and (found or package == "mlflow"):
            needed.append(line)
    python = sys.version.split()[0]
    conda = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": needed}],
        "name": "mlflow-env",
    }
    env = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    return {
        "requirements.txt": "".join(line + "\n" for line in needed).encode(),
        "conda.yaml": yaml(conda).encode(),
        "python_env.yaml": yaml(env).encode(),
    }


def yaml(value: Any, indent: str = "") -> str:
    """Return YAML of dicts, lists and plain values.

    Values are written as in JSON, which YAML contains.
    """
    text = ""
    if isinstance(value, dict):
        for key, item in value.items():
            nested = isinstance(item, (dict, list)) and item
            below = "\n" + yaml(item, indent + "  ") if nested else f" {json.dumps(item)}\n"
            text += f"{indent}{key if str(key).isidentifier() else json.dumps(str(key))}:{below}"
        return text
    for item in value:
        if isinstance(item, dict) and item:
            text += f"{indent}- {yaml(item, indent + '  ').lstrip()}"
        else:
            text += f"{indent}- {json.dumps(item)}\n"
    return text


def _signature(signature: Any) -> dict[str, Any]:
    """Return a signature as in MLmodel: of a dict, or of MLflow's ModelSignature."""
    found = signature.to_dict() if hasattr(signature, "to_dict") else signature
    if not isinstance(found, dict) or not {"inputs", "outputs", "params"}.issuperset(found):
        raise UsageError(
            "log_model: signature must be a dict with inputs and outputs, or a ModelSignature of MLflow, "
            f"got {type(signature).__name__}"
        )
    return {
        key: item if item is None or isinstance(item, str) else json.dumps(item)
        for key, item in ((key, found.get(key)) for key in ("inputs", "outputs", "params"))
    }


def _schema(data: Any) -> list[dict[str, Any]]:
    """Return MLflow's schema of a DataFrame, a Series or an array."""
    if hasattr(data, "dtypes") and hasattr(data, "columns"):
        return [_column(data[name], name if isinstance(name, int) else str(name)) for name in data.columns]
    if hasattr(data, "dtype") and hasattr(data, "index"):
        return [_column(data, None if data.name is None else str(data.name))]
    if hasattr(data, "dtype") and hasattr(data, "shape"):
        kind = "str" if data.dtype.kind == "U" else str(data.dtype)
        spec = {"dtype": kind, "shape": [-1, *(int(n) for n in data.shape[1:])]}
        return [{"type": "tensor", "tensor-spec": spec}]
    raise UsageError(f"log_model: a signature is made of a DataFrame or an array, got {type(data).__name__}")


def _column(series: Any, name: str | int | None) -> dict[str, Any]:
    kind = getattr(series.dtype, "kind", "O")
    found = _COLUMN.get(f"{kind}{getattr(series.dtype, 'itemsize', 0)}")
    if kind == "M":
        found = "datetime"
    elif found is None and all(isinstance(v, str) for v in series.dropna()):
        found = "string"
    if found is None:
        raise UsageError(
            f"log_model: column {name!r} of the example has the type {series.dtype}, which MLflow has no name for; "
            "convert it, or give signature"
        )
    named = {} if name is None else {"name": name}
    return {"type": found, **named, "required": not bool(series.isna().any())}


def _example(data: Any) -> tuple[dict[str, Any], bytes, bytes]:
    """Return the entry in MLmodel and the two files of an example."""
    info: dict[str, Any] = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
    }
    if hasattr(data, "columns") and hasattr(data, "to_json"):
        content = json.loads(data.to_json(orient="split", date_format="iso"))
        content.pop("index", None)
        orient = "split"
        if list(data.columns) == list(range(len(data.columns))):  # no names: MLflow reads rows only as "values"
            content.pop("columns")
            orient = "values"
        info.update(type="dataframe", pandas_orient=orient)
        return info, json.dumps(content).encode(), json.dumps({"dataframe_split": content}, indent=2).encode()
    if hasattr(data, "tolist") and hasattr(data, "shape"):
        content = data.tolist()
        info.update(type="ndarray")
        return info, json.dumps(content).encode(), json.dumps({"inputs": content}, indent=2).encode()
    raise UsageError(f"log_model: input_example must be a DataFrame or an array, got {type(data).__name__}")


def load_model(model: str, trust: bool = False) -> Any:
    """Return a model of the registry or of a folder, as an object.

    Each file of a version is verified by its digest before it is read. A pickle runs code when it is read.
    So pickles load only from versions of this project's registry, unless trust is True.

    Args:
        model: "models:/taxi@champion", "models:/taxi/4", "models:/taxi/production", "taxi@4", or the path of a folder
            with a file MLmodel.
        trust: Also read a pickle of a folder.

    Returns:
        The model as an object of its library, or as MLflow's pyfunc if only MLflow can load it.

    Raises:
        UsageError: The model is a pickle of a folder, and trust is not True.
        NotFoundError: The registry has no such version.
        Error: A file is damaged, or the library of the model is not installed.
    """
    import shutil
    import tempfile

    if os.path.isdir(model):
        return _opened(os.path.abspath(model), model, trust)[0]
    selector = _selector(model)
    private = tempfile.mkdtemp(prefix="gitruns-model-")
    lazy = False
    try:
        folder = os.path.join(private, "model")
        _fetched(selector, folder)
        found, lazy = _opened(folder, model, True)
        return found
    finally:
        if lazy:  # MLflow's object may read more of its files later
            import atexit

            atexit.register(shutil.rmtree, private, ignore_errors=True)
        else:
            shutil.rmtree(private, ignore_errors=True)


def _selector(model: str) -> str:
    """Return the selector of `runs model` for one of MLflow's URIs."""
    name = model
    if model.startswith("models:/"):
        name = model[len("models:/") :].strip("/")
        if "@" not in name:
            name = "@".join(name.rsplit("/", 1))
    if "@" not in name or name.startswith("-"):
        raise UsageError(
            f"load_model: model must be 'models:/NAME@ALIAS', 'models:/NAME/VERSION', 'NAME@VERSION' or a folder, "
            f"got {model!r}"
        )
    before, _, version = name.rpartition("@")
    return f"{before}@{version.lower() if version in ('Production', 'Staging', 'Latest') else version}"


def _fetched(selector: str, folder: str) -> None:
    run = _live.active()
    cwd = os.path.dirname(run._runs) if run is not None and run._runs else None
    code, _, err = _binary.call(["model", "load", selector, folder], cwd=cwd)
    if code:
        why = _binary.reason(_binary.lines(err), code)
        raise (NotFoundError if code == 3 else Error)(f"load_model: {why}")


def _flavors(folder: str) -> dict[str, dict[str, str]]:
    """Return the plain values of the flavors in the file MLmodel of a folder."""
    path = os.path.join(folder, "MLmodel")
    try:
        _files.without_links(folder, "MLmodel")
        with open(path, encoding="utf-8") as f:
            text = f.read(_MOST_MLMODEL + 1)
    except FileNotFoundError:
        raise Error(f"load_model: {folder} has no file MLmodel; read its files with the library of the model") from None
    except (OSError, UnicodeDecodeError) as e:
        raise Error(f"load_model: reading {path}: {e}") from None
    if len(text) > _MOST_MLMODEL:
        raise Error(f"load_model: {path} is larger than 1 MiB")
    found: dict[str, dict[str, str]] = {}
    inside, flavor = False, ""
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        key, colon, value = line.strip().partition(":")
        if indent == 0:
            inside = line.rstrip() == "flavors:"
        elif inside and indent == 2 and colon:
            flavor = key
            found[flavor] = {}
        elif inside and indent == 4 and colon and flavor and value.strip():
            found[flavor][key] = _scalar(value.strip())
    return found


def _scalar(text: str) -> str:
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text[1:-1].replace("''", "'") if text.startswith("'") and text.endswith("'") else text


def _opened(folder: str, asked: str, trusted: bool) -> tuple[Any, bool]:
    """Return the object of a folder, and whether it may read its files later."""
    flavors = _flavors(folder)
    flavor = next((name for name in ("xgboost", "lightgbm", "sklearn") if name in flavors), "")
    if flavor and _installed(flavor):
        own = flavors[flavor]
        try:
            at = _files.without_links(folder, own.get("pickled_model" if flavor == "sklearn" else "data", ""))
        except OSError as e:
            raise Error(f"load_model: reading the model file that MLmodel of {asked} names: {e}") from None
        kind = own.get("model_class", "").rpartition(".")[2]
        if flavor == "xgboost" and (kind == "Booster" or kind in _XGBOOST):
            import xgboost

            found = getattr(xgboost, kind)()
            found.load_model(at)
            return found, False
        if flavor == "lightgbm" and kind == "Booster":
            import lightgbm

            return lightgbm.Booster(model_file=at), False
        if own.get("serialization_format", "cloudpickle") in ("pickle", "cloudpickle") and flavor != "xgboost":
            _check_trust(asked, trusted)
            return _unpickled(at), False
    if "python_function" in flavors and _installed("mlflow"):
        _check_trust(asked, trusted)
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(folder), True
    own_flavors = ", ".join(sorted(set(flavors) - {"python_function"})) or "its library"
    package = _PACKAGES.get(flavor, "mlflow")
    raise Error(f"load_model: {asked} needs {flavor or own_flavors} or MLflow; run 'pip install {package}'")


def _check_trust(asked: str, trusted: bool) -> None:
    if not trusted:
        raise UsageError(
            f"load_model: {asked} is not a version of this project's registry, and reading it can run code that it "
            "contains; register it with 'runs model register', or pass trust=True if you know who made it"
        )


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return name in sys.modules or find_spec(name) is not None


def _unpickled(path: str) -> Any:
    import pickle

    with open(path, "rb") as f:
        return pickle.load(f)
