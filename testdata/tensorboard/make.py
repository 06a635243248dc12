"""Write the event files of this folder with the real writers.

pip install tensorboard tensorboardX torch numpy pillow
python make.py
"""

import os
import shutil
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def fill(w):
    for i in range(5):
        w.add_scalar("loss/train", 1 / (i + 1), i)
    w.add_scalars("acc", {"train": 0.5, "val": 0.25}, 3)
    w.add_text("note", "hello *world*", 2)
    w.add_image("img", np.linspace(0, 1, 48, dtype=np.float32).reshape(3, 4, 4), 4)
    w.add_histogram("weights", np.arange(100) / 100, 5)
    w.add_hparams({"lr": 0.5, "layers": 3, "opt": "adam"}, {"final": 0.75})
    w.close()


def main():
    from tensorboardX import SummaryWriter as X
    from torch.utils.tensorboard import SummaryWriter as T

    for name, writer in ("torch", T), ("tensorboardX", X):
        at = os.path.join(HERE, name)
        shutil.rmtree(at, ignore_errors=True)
        fill(writer(at))


if __name__ == "__main__":
    sys.exit(main())
