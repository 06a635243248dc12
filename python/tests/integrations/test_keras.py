"""The callbacks for Keras, with small models of scikit-learn's digits."""

from __future__ import annotations

import importlib.util
import os
import unittest

from library import Training, need


def setUpModule() -> None:
    need("keras", "sklearn")
    if "KERAS_BACKEND" not in os.environ:
        for backend, module in (("torch", "torch"), ("jax", "jax"), ("tensorflow", "tensorflow")):
            if importlib.util.find_spec(module):
                os.environ["KERAS_BACKEND"] = backend
                break
        else:
            raise unittest.SkipTest("Keras has no backend: none of torch, jax, tensorflow is installed")
    import keras  # noqa: F401  before the tests have a home folder of their own: Keras keeps its settings there


def model(rate=0.01):
    import keras

    keras.utils.set_random_seed(0)
    made = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(10)], name="small"
    )
    made.compile(
        keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    return made


def data():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x[:320] / 16).astype("float32"), y[:320]


class Record(Training):
    def test_epochs_and_checkpoint(self) -> None:
        import keras

        import gitruns
        from gitruns.integrations.keras import GitrunsCallback

        x, y = data()
        m = model()
        with gitruns.init():
            lower = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
            history = m.fit(
                x,
                y,
                batch_size=32,
                epochs=3,
                validation_split=0.2,
                verbose=0,
                callbacks=[lower, GitrunsCallback(checkpoint="best")],
            ).history
            m.evaluate(x, y, verbose=0, callbacks=[GitrunsCallback()])
        r = self.show()
        self.assertEqual(r["status"], "finished")
        for key in ("loss", "val_loss", "accuracy", "val_accuracy"):
            self.assertEqual(self.points(key), list(enumerate(history[key])), key)
        self.assertEqual([round(v, 6) for _, v in self.points("learning_rate")], [0.01, 0.005, 0.0025])
        self.assertEqual(set(r["metrics"]) & {"test/loss", "test/accuracy"}, {"test/loss", "test/accuracy"})
        params = r["params"]["keras"]
        self.assertEqual(
            (params["epochs"], params["steps"], params["model"]),
            (3, 8, {"name": "small", "parameters": m.count_params(), "layers": 2}),
        )
        self.assertEqual(params["optimizer"]["name"], "Adam")
        best = min(range(3), key=history["val_loss"].__getitem__)
        self.assertEqual((r["summary"]["best_epoch"], r["summary"]["best_val_loss"]), (best, history["val_loss"][best]))
        kept = [a["path"] for a in r["artifacts"] if os.path.basename(a["path"]) == "model-best.keras"]
        self.assertEqual(len(kept), 1, r["artifacts"])
        self.runs("artifacts", "last", "-o", "out")
        found = [
            os.path.join(folder, f) for folder, _, files in os.walk("out") for f in files if f == "model-best.keras"
        ]
        self.assertEqual(keras.models.load_model(found[0]).count_params(), m.count_params())

    def test_batches(self) -> None:
        import keras

        import gitruns
        from gitruns.integrations.keras import GitrunsMetricsLogger

        x, y = data()
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        with gitruns.init():
            model(schedule).fit(
                x, y, batch_size=32, epochs=2, verbose=0, callbacks=[GitrunsMetricsLogger(4, prefix="a/")]
            )
        self.assertEqual([s for s, _ in self.points("a/batch/loss")], [0, 4, 8, 12, 16])
        self.assertEqual(self.points("a/epoch"), [(9, 0.0), (19, 1.0)])
        rates = [v for _, v in self.points("a/batch/learning_rate")]
        for step, rate in zip((0, 4, 8, 12, 16), rates):
            self.assertAlmostEqual(rate, 0.1 * 0.5 ** ((step + 1) / 10), places=5)

    def test_failures(self) -> None:
        import keras

        import gitruns
        from gitruns.integrations.keras import GitrunsCallback, GitrunsMetricsLogger, GitrunsModelCheckpoint

        class Broken(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    raise RuntimeError("broken epoch")

        x, y = data()
        with self.assertRaisesRegex(gitruns.Error, "gitruns.init"):
            model().fit(x, y, verbose=0, callbacks=[GitrunsCallback()])
        with self.assertRaises(RuntimeError), gitruns.init():
            # There is no val_loss that decides on the best epoch: a warning, not an error.
            model().fit(x, y, epochs=3, verbose=0, callbacks=[GitrunsCallback(checkpoint="best"), Broken()])
        r = self.show()
        self.assertEqual((r["status"], len(self.points("loss"))), ("failed", 2))
        for wrong in (
            lambda: GitrunsMetricsLogger("hour"),
            lambda: GitrunsMetricsLogger(0),
            lambda: GitrunsModelCheckpoint("first"),
            lambda: GitrunsModelCheckpoint(mode="up"),
        ):
            with self.assertRaises(ValueError):
                wrong()
        with gitruns.init(mode="disabled"):
            model().fit(x, y, verbose=0, callbacks=[GitrunsCallback("batch", checkpoint="last")])


if __name__ == "__main__":
    unittest.main()
