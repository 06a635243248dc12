"""Media that only special viewers show: 3D objects, point clouds and molecules. log() keeps their file."""

from __future__ import annotations

import os
import sys

from ._media import Media, Place, Unreadable, _failure, _numpy_of, extension_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class _File(Media):
    """A medium that is a file, an open file, or data that a subclass turns into one."""

    _KIND = "file"
    _EXTENSIONS: tuple[str, ...] = ()

    def __init__(self, data_or_path: Any, caption: str | None = None, file_type: str | None = None) -> None:
        self.caption = caption or ""
        self._path = ""
        self._data = b""
        self._extension = "." + file_type.lower().lstrip(".") if file_type else ""
        try:
            self._read(data_or_path)
        except Exception as e:
            self._error = f"reading the {type(self).__name__}: {_failure(e)}"

    def _read(self, data: Any) -> None:
        if isinstance(data, (str, bytes)) or hasattr(data, "__fspath__"):
            self._path = os.path.abspath(os.fsdecode(os.fspath(data)))
            self._extension = self._extension or extension_of(self._path)
        elif hasattr(data, "read"):
            if hasattr(data, "seek"):
                data.seek(0)
            text = data.read()
            self._data = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
            self._extension = self._extension or extension_of(str(getattr(data, "name", "")))
        else:
            self._convert(data)
        if self._EXTENSIONS and self._extension and not self._extension.endswith(self._EXTENSIONS):
            known = ", ".join(e.lstrip(".") for e in self._EXTENSIONS)
            raise Unreadable(f"the file type must be one of {known}, got {self._extension.lstrip('.')}")

    def _convert(self, data: Any) -> None:
        raise Unreadable(f"it must be a path or an open file, got {type(data).__name__}")

    def _put(self, place: Place) -> str:
        extension = self._extension or ".bin"
        if self._path:
            return place.put(extension, self._KIND, path=self._path, caption=self.caption)
        return place.put(extension, self._KIND, self._data, caption=self.caption)


class Object3D(_File):
    """A 3D object or a point cloud, kept as a file.

    Args:
        data_or_path: The path of a file (obj, gltf, glb, babylon, stl or pts.json), an open file, points of shape
            (N, 3), (N, 4) or (N, 6), or a dict with `points`, `boxes` and `vectors`. Points are kept as JSON.
        caption: A line of text.
        file_type: The extension of an open file that has no name.
    """

    _EXTENSIONS = ("obj", "gltf", "glb", "babylon", "stl", "json")

    def _convert(self, data: Any) -> None:
        import json

        if not isinstance(data, dict):
            points = _numpy_of(data)
            shape = getattr(points, "shape", None)
            if shape is not None and (len(shape) != 2 or shape[1] not in (3, 4, 6)):
                raise Unreadable(f"the shape of points must be (N, 3), (N, 4) or (N, 6), got {tuple(shape)}")
            data = points
        self._data = json.dumps(data, default=_listed).encode()
        self._extension = ".pts.json"

    @classmethod
    def from_file(cls, data_or_path: Any, file_type: str | None = None) -> Object3D:
        """Return the object of a file."""
        return cls(data_or_path, file_type=file_type)

    @classmethod
    def from_numpy(cls, data: Any) -> Object3D:
        """Return the point cloud of an array."""
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls, points: Any, boxes: Any = (), vectors: Any = None, point_cloud_type: str = "lidar/beta"
    ) -> Object3D:
        """Return a point cloud with boxes and vectors."""
        return cls({"type": point_cloud_type, "points": points, "boxes": boxes, "vectors": vectors or []})


class Molecule(_File):
    """A molecule, kept as a file.

    Args:
        data_or_path: The path of a file (pdb, pqr, mmcif, mcif, cif, sdf, sd, gro, mol, mol2, mmtf or smi), or an open
            file.
        caption: A line of text.
        file_type: The extension of an open file that has no name.
    """

    _EXTENSIONS = ("pdb", "pqr", "mmcif", "mcif", "cif", "sdf", "sd", "gro", "mol", "mol2", "mmtf", "smi", "smiles")

    def _convert(self, data: Any) -> None:
        chem = sys.modules.get("rdkit.Chem")
        if chem is None or not isinstance(data, chem.Mol):
            super()._convert(data)
        self._data = chem.MolToMolBlock(data).encode()  # type: ignore[union-attr]
        self._extension = ".mol"

    @classmethod
    def from_rdkit(
        cls,
        data_or_path: Any,
        caption: str | None = None,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """Return the molecule of RDKit, or of a file.

        It is kept as it is, not optimized.
        """
        return cls(data_or_path, caption)

    @classmethod
    def from_smiles(
        cls,
        data: str,
        caption: str | None = None,
        sanitize: bool = True,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """Return the molecule of a SMILES text, which is kept as a .smi file."""
        import io

        return cls(io.StringIO(data + "\n"), caption, "smi")


def _listed(value: Any) -> Any:
    value = _numpy_of(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
