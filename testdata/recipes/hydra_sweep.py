"""A sweep with Hydra: each job is a run, with its config as params and its sweep as group.

pip install hydra-core
python hydra_sweep.py -m lr=0.3,0.1,0.03 seed=0,1
"""

import os
from dataclasses import dataclass

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from train import fit

import gitruns


@dataclass
class Config:
    lr: float = 0.1
    seed: int = 0


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(version_base=None, config_name="config")
def main(cfg):
    job = HydraConfig.get()
    sweep = os.path.basename(job.sweep.dir) if job.mode.name == "MULTIRUN" else None
    with gitruns.init(
        project="line", config=OmegaConf.to_container(cfg), group=sweep, name=job.job.override_dirname or None
    ) as run:
        for loss in fit(cfg.lr, cfg.seed):
            run.log({"loss": loss})


if __name__ == "__main__":
    main()
