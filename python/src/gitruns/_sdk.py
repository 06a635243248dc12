"""Submodules of wandb as attributes: programs name classes as wandb.sdk.wandb_run.Run or wandb.data_types.Image."""

from __future__ import annotations

from ._artifact import Artifact
from ._compat import Namespace
from ._config import Config
from ._disabled import DisabledRun
from ._image import Image
from ._media import Audio, Histogram, Html, Media, Plotly
from ._object3d import Molecule, Object3D
from ._run import Run
from ._settings import Settings
from ._summary import Summary
from ._table import Table
from ._video import Video

_MEDIA = {
    "Image": Image,
    "Table": Table,
    "Histogram": Histogram,
    "Video": Video,
    "Audio": Audio,
    "Html": Html,
    "Object3D": Object3D,
    "Molecule": Molecule,
    "Plotly": Plotly,
    "WBValue": Media,
}

data_types = Namespace("data_types", **_MEDIA)
wandb_run = Namespace("wandb_run", Run=Run)
sdk = Namespace(
    "sdk",
    "the names of gitruns itself, or run the program with 'runs exec --wandb', which serves imports of wandb.sdk",
    wandb_run=Namespace("sdk.wandb_run", Run=Run),
    wandb_config=Namespace("sdk.wandb_config", Config=Config),
    wandb_settings=Namespace("sdk.wandb_settings", Settings=Settings),
    wandb_summary=Namespace("sdk.wandb_summary", Summary=Summary),
    lib=Namespace("sdk.lib", RunDisabled=DisabledRun),
    artifacts=Namespace(
        "sdk.artifacts", Artifact=Artifact, artifact=Namespace("sdk.artifacts.artifact", Artifact=Artifact)
    ),
    data_types=Namespace(
        "sdk.data_types",
        **_MEDIA,
        **{
            n.lower(): Namespace("sdk.data_types." + n.lower(), **{n: of}) for n, of in _MEDIA.items() if n != "WBValue"
        },
    ),
)
