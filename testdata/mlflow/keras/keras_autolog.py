"""Keras on TensorFlow with the autologging of MLflow, with its callback, and a model that is logged."""

import sys

import keras
import mlflow
import numpy as np
from told import tell

mlflow.set_experiment("keras")
x = np.random.default_rng(0).random((48, 2), dtype="float32")
y = x.sum(axis=1)


def built():
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Input((2,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    return model


def stop():
    return keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10, restore_best_weights=True)


mlflow.autolog(silent=True)
built().fit(x, y, epochs=2, batch_size=16, verbose=0)  # in a run that autolog begins and ends
with mlflow.start_run(run_name="autolog") as run:
    model = built()
    model.fit(x, y, validation_split=0.25, epochs=4, batch_size=16, verbose=0, callbacks=[stop()])
    model.evaluate(x, y, verbose=0)
loaded = mlflow.tensorflow.load_model(f"runs:/{run.info.run_id}/model")
assert np.allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
mlflow.autolog(disable=True)

mlflow.keras.autolog(log_every_epoch=False, log_every_n_steps=2, log_model_signatures=False, save_exported_model=True)
with mlflow.start_run(run_name="steps"):
    with mlflow.start_run(run_name="inner", nested=True):
        built().fit(x, y, epochs=2, batch_size=8, verbose=0)
mlflow.keras.autolog(disable=True)

with mlflow.start_run(run_name="callback") as run:
    model = built()
    model.fit(x, y, epochs=2, verbose=0, callbacks=[mlflow.keras.MlflowCallback()])
    signature = mlflow.models.infer_signature(x, model.predict(x, verbose=0))
    info = mlflow.keras.log_model(model, name="net", signature=signature)
assert mlflow.pyfunc.load_model(info.model_uri).predict(x).shape == (48, 1)
tell(sys.argv[1])
