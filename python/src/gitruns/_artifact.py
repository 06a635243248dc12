"""Artifacts: named files with versions. A run that logs one keeps it, and every run of the project can use it.

The files of an artifact are in its run at artifacts/<name>/<first 12 digits of its digest>/…. Its manifest is beside
that folder: it is called <12 digits>.json and has the kind "artifact". If the run already has a file <name>, the folder
is <name>+artifact. The digest is computed as for a dataset folder: it is the SHA-256 of one line `path NUL size NUL
sha256 LF` per file, sorted by path. A reference counts as 0 bytes with the SHA-256 of its URI.

log_artifact writes an artifact, use_artifact finds one. A manifest comes from other people: `_manifest` checks
everything in it before anything else reads it.
"""

from __future__ import annotations

import errno
import os
import time

from . import _files, _live
from ._errors import CommError, Error, UsageError
from ._media import _failure
from ._messages import warn, warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_SHORT = 12  # digits of a digest in paths
_MAX_MANIFEST = 64 << 20
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_SUFFIX = "+artifact"  # suffix of the folder if the run has a file of that name; no artifact name has a plus


def _name_of(name: str) -> str:
    if (
        not isinstance(name, str)
        or not name
        or len(name) > 128
        or any(c not in _LETTERS for c in name)
        or _files.unportable(name)
    ):
        raise ValueError(
            "the name of an artifact must be 1 to 128 letters, digits, '_', '.' and '-', "
            f"and not reserved by a file system, got {name!r}"
        )
    return name


class Artifact:
    """A named set of files, which becomes a version when it is logged.

    Adding a file copies it. log_artifact makes a version of the files.

    Args:
        name: The name: letters, digits, "_", "." and "-".
        type: A type, for example "model" or "dataset".
        description: A description of the artifact.
        metadata: A dict of values that JSON can hold.
        incremental: Not used.
        use_as: Not used.

    Raises:
        ValueError: name is not valid.
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
    ) -> None:
        self._name = _name_of(name)
        self.type = str(type)
        self.description = description
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.aliases: list[str] = []
        self._entries: dict[str, Any] = {}  # path: {"sha256", "bytes"} or {"ref"}
        self._staged = ""
        self._from: dict[str, Any] | None = None  # once it is logged: its run, folder, digest and version
        self._objects: dict[str, Any] = {}
        self._downloaded = ""  # the folder of the last download
        self._lost = ""  # why it cannot be kept

    # Adding

    def _check_draft(self) -> None:
        if self._from is not None:
            raise UsageError(
                f"artifact {self.name} is already logged; make a new Artifact of the same name for the next version"
            )

    def _check_path(self, path: str) -> None:
        if why := _files.unportable(path):
            raise ValueError(f"artifact {self._name}: {path!r}: {why}")

    def _stage(self) -> str:
        if not self._staged:
            import tempfile
            import weakref

            run = _live.active()
            if run is not None and not run.disabled and os.path.isdir(run._folder):
                # On the file system of the run, log_artifact moves a file instead of copying it again.
                self._staged = os.path.join(_files.staging(run), os.urandom(8).hex())
                os.makedirs(self._staged)
            else:
                self._staged = tempfile.mkdtemp(prefix="gitruns-artifact-")
            import shutil

            weakref.finalize(self, shutil.rmtree, self._staged, True)
        return self._staged

    def _add(self, source: str, path: str, overwrite: bool = True) -> None:
        path = path.replace(os.sep, "/")
        self._check_path(path)
        if not overwrite and path in self._entries:
            return
        if any(p.startswith(path + "/") or path.startswith(p + "/") for p in self._entries):
            raise ValueError(f"artifact {self._name}: {path!r} cannot be both a file and a folder")
        try:
            stage = self._stage()
            digest, size = _files.copy(source, os.path.join(stage, *path.split("/")), os.path.join(stage, ".new"))
        except OSError as e:
            if e.errno not in _FULL:
                raise
            self._lose(e)
            digest, size = "", 0
        self._entries[path] = {"sha256": digest, "bytes": size}

    def _lose(self, e: OSError) -> None:
        """Give up the artifact, with a warning.

        A version without some of its files would be wrong.
        """
        self._lost = self._lost or _failure(e)
        next_step = "; free some space" if e.errno in _FULL else ""
        warn_once(
            ("artifact", self._name),
            f"artifact {self._name} was not kept: {_failure(e)}; training continues{next_step}",
        )

    def add_file(
        self,
        local_path: Any,
        name: str | None = None,
        is_tmp: bool = False,
        skip_cache: bool = False,
        policy: str = "mutable",
        overwrite: bool = False,
    ) -> Entry:
        """Add a file under its own name, or under the path name.

        Raises ValueError if there is no such file, or if the path is not portable.
        """
        self._check_draft()
        source = os.fsdecode(os.fspath(local_path))
        if not os.path.isfile(source):
            raise ValueError(f"add_file: {source} is not a file; use add_dir for a folder")
        self._add(source, name or os.path.basename(source))
        return self._entry((name or os.path.basename(source)).replace(os.sep, "/"))

    def add_dir(
        self,
        local_path: Any,
        name: str | None = None,
        skip_cache: bool = False,
        policy: str = "mutable",
        merge: bool = False,
    ) -> None:
        """Add every file under a folder, at the top of the artifact or under name.

        Links that lead out of the folder, and files whose names are not portable, are left out with a warning. Raises
        ValueError if there is no such folder.
        """
        self._check_draft()
        top = os.path.abspath(os.fsdecode(os.fspath(local_path)))
        if not os.path.isdir(top):
            raise ValueError(f"add_dir: {top} is not a folder")
        below = name.strip("/") + "/" if name else ""
        if below:
            self._check_path(below + "x")
        left_out = []
        for source, path in _files.walk(top):
            try:
                self._check_path(below + path)
            except ValueError as e:
                left_out.append(e)
                continue
            self._add(source, below + path)
        if left_out:
            more = f" ({len(left_out) - 1:,} more files too)" if len(left_out) > 1 else ""
            warn(f"a file was left out: {left_out[0]}{more}")

    def add_reference(
        self, uri: Any, name: str | None = None, checksum: bool = True, max_objects: int | None = None
    ) -> list[Entry]:
        """Add a reference to data elsewhere: its URI is recorded, but not the data.

        The content of a path or a file: URI is hashed as well, unless checksum is False. Raises ValueError if that
        file does not exist, or if name is not portable.
        """
        self._check_draft()
        text = str(getattr(uri, "uri", uri))
        if "://" not in text:
            text = "file://" + os.path.abspath(os.fsdecode(os.fspath(uri)))
        path = name or text.rstrip("/").rpartition("/")[2] or "reference"
        self._check_path(path)
        entry: dict[str, Any] = {"ref": _without_password(text)}
        if checksum and text.startswith("file://"):
            from urllib.request import url2pathname

            local = url2pathname(text[7:])
            if os.path.isdir(local):
                for source, below in _files.walk(local):
                    digest, size = _files.digest_of(source)
                    self._entries[(name.strip("/") + "/" if name else "") + below] = {
                        "ref": text.rstrip("/") + "/" + below,
                        "sha256": digest,
                        "bytes": size,
                    }
                return []
            if not os.path.isfile(local):
                raise ValueError(f"add_reference: {local} does not exist")
            entry["sha256"], entry["bytes"] = _files.digest_of(local)
        self._entries[path] = entry
        return [self._entry(path)]

    def new_file(self, name: str, mode: str = "x", encoding: str | None = None) -> _NewFile:
        """Return a new file to write to, which is added when it is closed.

        Use it as `with artifact.new_file("notes.txt") as f:`. Raises ValueError if name is not portable.
        """
        self._check_draft()
        self._check_path(name)
        return _NewFile(self, name, mode, encoding)

    def add(self, obj: Any, name: str, overwrite: bool = False) -> Entry:
        """Add a media object (Table, Image, …) as files whose names begin with name.

        get() returns a Table or an Image again. Raises ValueError if obj is not a media object, if its data cannot be
        read, or if name is not portable.
        """
        self._check_draft()
        if not getattr(type(obj), "_gitruns_media", False):
            raise ValueError(f"add: obj must be a media object, got {type(obj).__name__}; use add_file for a file")
        if getattr(obj, "_error", ""):
            raise ValueError(f"add: {obj._error}")
        self._check_path(name)
        self._objects[name] = obj
        obj._put(_Inside(self, name))
        return self._entry(name)

    def remove(self, item: Any) -> None:
        """Remove a file by its path.

        Raises FileNotFoundError if the artifact has no such file.
        """
        self._check_draft()
        path = getattr(item, "path", item)
        if path not in self._entries:
            raise FileNotFoundError(f"artifact {self._name} has no file {path}")
        del self._entries[path]

    # Properties

    @property
    def name(self) -> str:
        """The name, or name:version once it is logged."""
        return f"{self._name}:{self.version}" if self._from is not None else self._name

    @property
    def digest(self) -> str:
        """The SHA-256 of its files."""
        return self._from["digest"] if self._from is not None else _digest(self._entries)

    @property
    def version(self) -> str:
        """The version: v0, v1, ….

        Versions are numbered by time among the runs of this clone. Equal content is one version. It is '' for a draft.
        Raises CommError if the runs cannot be listed.
        """
        if self._from is None:
            return ""
        if not self._from.get("version"):
            versions = _versions(self._from["cwd"], self._name, self._from["project"])
            for v in versions:
                if v["digest"] == self._from["digest"]:
                    self._from["version"] = v["version"]
        return self._from.get("version") or ""

    @property
    def source_version(self) -> str:
        """The same as version."""
        return self.version

    @property
    def project(self) -> str:
        """The experiment of the run that logged it."""
        return self._from["project"] if self._from is not None else ""

    @property
    def id(self) -> str:
        """The same as digest."""
        return self.digest

    @property
    def qualified_name(self) -> str:
        """The project, the name and the version as project/name:version."""
        return "/".join(p for p in (self.project, self.name) if p)

    @property
    def size(self) -> int:
        """The size of all its files in bytes."""
        return sum(e.get("bytes", 0) for e in self._entries.values())

    @property
    def file_count(self) -> int:
        """The number of its files."""
        return len(self._entries)

    @property
    def manifest(self) -> dict[str, dict[str, Any]]:
        """The files as {path: {"sha256", "bytes"}}, with "ref" for a reference."""
        return {p: dict(e) for p, e in sorted(self._entries.items())}

    def wait(self, timeout: Any = None) -> Artifact:
        """Return the artifact itself: it is kept as soon as log_artifact has returned."""
        return self

    def is_draft(self) -> bool:
        """Report whether it is not logged yet."""
        return self._from is None

    def save(self, project: str | None = None, settings: Any = None) -> None:
        """Log it with the active run.

        Raises UsageError if it is already logged, or if no run is active.
        """
        run = _live.active()
        self._check_draft()
        if run is None:
            raise UsageError("call gitruns.init() before Artifact.save()")
        log_artifact(run, self)

    def link(self, *args: Any, **kwargs: Any) -> None:
        """Raise Error, because gitruns has no registry."""
        raise Error(
            "gitruns has no registry to link to; "
            "log the artifact with aliases=['production'], and use it as 'name:production'"
        )

    # Reading

    def _entry(self, path: str) -> Entry:
        return Entry(self, path)

    def get_entry(self, name: Any) -> Entry:
        """Return the file at a path. Raises KeyError if there is none."""
        name = os.fspath(name)
        if name not in self._entries:
            known = ", ".join(sorted(self._entries)[:10]) or "no files"
            raise KeyError(f"artifact {self.name} has no file {name}; it has {known}")
        return self._entry(name)

    get_path = get_entry

    def files(self, names: Any = None, per_page: int = 50) -> list[Entry]:
        """Return its files, or those whose path is in names."""
        return [self._entry(p) for p in sorted(self._entries) if names is None or p in names]

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def get(self, name: str) -> Any:
        """Return the media object that was added under name, or None if there is none.

        A Table of a logged artifact is read from its file. That requires pyarrow.
        """
        if name in self._objects:
            return self._objects[name]
        for extension in (".parquet", ".table.parquet"):
            if name + extension in self._entries:
                import pyarrow.parquet

                from ._table import Table

                got = pyarrow.parquet.read_table(self.get_entry(name + extension).download())
                return Table(
                    columns=got.column_names, data=[list(row) for row in zip(*(c.to_pylist() for c in got.columns))]
                )
        if name + ".png" in self._entries:
            from ._image import Image

            return Image(self.get_entry(name + ".png").download())
        return None

    def download(
        self,
        root: Any = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: Any = None,
        multipart: Any = None,
    ) -> str:
        """Download its files into a folder, and return the folder.

        Each file is verified by its digest.

        Args:
            root: The folder. The default is a folder under .runs/cache/artifacts, or under RUNS_ARTIFACT_DIR. A file
                that already exists there with the right content is kept.
            allow_missing_references: Ignore references to local files that no longer exist.
            skip_cache: Not used.
            path_prefix: Download only files whose path begins with it.
            multipart: Not used.

        Returns:
            The folder. References to local files are copied to it. Other references are left out with a warning.

        Raises:
            UsageError: The artifact is not logged yet.
            CommError: A file cannot be fetched, or its content is not what was recorded.
        """
        self._logged()
        top = os.path.abspath(os.fspath(root)) if root is not None else self._root()
        prefix = os.fspath(path_prefix) if path_prefix else ""
        for path in sorted(self._entries):
            if path.startswith(prefix):
                self._download(path, top, allow_missing_references)
        os.makedirs(top, exist_ok=True)
        self._downloaded = top
        return top

    def _logged(self) -> dict[str, Any]:
        """Return where it was logged. Raises UsageError if it is not logged yet."""
        if self._from is None:
            raise UsageError(f"artifact {self._name} is not logged yet; call log_artifact first")
        return self._from

    def _root(self) -> str:
        given = os.environ.get("RUNS_ARTIFACT_DIR") or os.environ.get("WANDB_ARTIFACT_DIR")
        base = given or os.path.join(self._logged()["runs"], "cache", "artifacts")
        return os.path.abspath(os.path.join(base, self._name, self.digest[:_SHORT]))

    def checkout(self, root: Any = None) -> str:
        """Do the same as download."""
        return self.download(root)

    def file(self, root: Any = None) -> str:
        """Download its only file, and return the path.

        Raises ValueError if it has several files.
        """
        if len(self._entries) != 1:
            raise ValueError(f"artifact {self.name} has {len(self._entries)} files; use download() to get all of them")
        return self.get_entry(next(iter(self._entries))).download(root)

    def verify(self, root: Any = None) -> None:
        """Verify the files of a download by their digests.

        root is the folder, by default that of the last download. Raises ValueError if a file is missing or was
        changed.
        """
        top = os.path.abspath(os.fspath(root)) if root is not None else self._downloaded or self._root()
        for path, entry in self._entries.items():
            at = os.path.join(top, *path.split("/"))
            if "sha256" in entry and (not os.path.isfile(at) or _files.digest_of(at)[0] != entry["sha256"]):
                raise ValueError(f"verifying artifact {self.name}: {at} is missing or was changed")

    def _download(self, path: str, top: str, missing: bool = False) -> str:
        self._logged()
        entry = self._entries[path]
        if why := _files.unportable(path):
            raise CommError(f"artifact {self._name}: {path!r}: {why}")
        to = os.path.join(top, *path.split("/"))
        if "ref" in entry and not (entry["ref"].startswith("file://") and "sha256" in entry):
            warn_once(
                ("ref", entry["ref"]),
                f"{path} of artifact {self._name} was not downloaded, because it is a reference to {entry['ref']}",
            )
            return to
        want = entry["sha256"]
        try:
            _files.no_links(top, path)
            if os.path.isfile(to) and not os.path.islink(to) and _files.digest_of(to)[0] == want:
                return to
            os.makedirs(os.path.dirname(to), exist_ok=True)
            tmp = os.path.join(os.path.dirname(to), ".gitruns-" + os.urandom(8).hex())
            try:
                self._fetch(path, entry, tmp)
                if _files.digest_of(tmp)[0] != want:
                    raise CommError(f"{path} of artifact {self._name}: its content differs from what was recorded")
                os.replace(tmp, to)
            finally:
                _files._remove(tmp)
        except OSError as e:
            if "ref" in entry and missing:
                return to
            raise CommError(f"{path} of artifact {self._name}: {e}") from e
        return to

    def _fetch(self, path: str, entry: dict[str, Any], to: str) -> None:
        if "ref" in entry:
            from urllib.request import url2pathname

            _files.copy(url2pathname(entry["ref"][7:]), to, os.path.dirname(to))
            return
        of = self._logged()
        name = f"{of['place']}/{path}"
        if _copy_active(of["runs"], of["run"], name, to) or of.get("folder") and _copy_from(of["folder"], name, to):
            return
        from . import _binary

        code, _, err = _binary.call(["artifacts", of["run"], name, "-o", to], cwd=of["cwd"])
        if code:
            raise CommError(f"{path} of artifact {self._name}: {_binary.reason(_binary.lines(err), code)}")

    def __repr__(self) -> str:
        return f"<gitruns.Artifact {self._name}, {self.type}, {len(self._entries)} files>"

    if not TYPE_CHECKING:  # a type checker accepts only the names that exist

        def __getattr__(self, name: str) -> Any:
            from ._refused import of

            return of(Artifact, "artifact", name)


class Entry:
    """One file of an artifact, or one reference."""

    def __init__(self, artifact: Artifact, path: str) -> None:
        self._artifact = artifact
        self.path = self.name = path
        entry = artifact._entries.get(path, {})
        self.digest: str = entry.get("sha256", "")
        self.size: int = entry.get("bytes", 0)
        self.ref: str | None = entry.get("ref")

    def download(self, root: Any = None, skip_cache: bool | None = None) -> str:
        """Download the file into a folder, verify its digest, and return its path.

        Raises UsageError if the artifact is not logged yet, and CommError if the file cannot be fetched.
        """
        a = self._artifact
        return a._download(self.path, os.path.abspath(os.fspath(root)) if root is not None else a._root())

    def ref_target(self) -> str:
        """Return the URI of a reference. Raises ValueError for a file."""
        if self.ref is None:
            raise ValueError(f"{self.path} is not a reference")
        return self.ref

    def __repr__(self) -> str:
        return f"<gitruns.artifact entry {self.path}>"


class _NewFile:
    """A new file of an artifact that is still being written."""

    def __init__(self, artifact: Artifact, name: str, mode: str, encoding: str | None) -> None:
        import tempfile

        self._artifact, self._name = artifact, name
        fd, self._path = tempfile.mkstemp(dir=artifact._stage())
        os.close(fd)
        self._file = open(self._path, mode.replace("x", "w"), encoding=encoding or (None if "b" in mode else "utf-8"))

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._file.close()
        try:
            if kind is None:
                self._artifact._add(self._path, self._name)
        finally:
            _files._remove(self._path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Close the file, and add it to the artifact."""
        self.__exit__(None)


class _Inside:
    """The place of media inside an artifact, with the methods of _media.Place."""

    def __init__(self, artifact: Artifact, stem: str) -> None:
        self._artifact, self.stem = artifact, stem

    def put(
        self, extension: str, kind: str, data: bytes | None = None, path: str | None = None, caption: str = ""
    ) -> str:
        name = self.stem + extension
        source = path
        if data is not None:
            try:
                source = os.path.join(self._artifact._stage(), "." + os.urandom(8).hex())
                _files.write(source, data, self._artifact._stage())
            except OSError as e:
                if e.errno not in _FULL:
                    raise
                self._artifact._lose(e)
                self._artifact._entries[name] = {"sha256": "", "bytes": 0}
                return name
        try:
            self._artifact._add(source or "", name)
        finally:
            if data is not None:
                _files._remove(source or "")
        return name

    def part(self, suffix: str) -> _Inside:
        return _Inside(self._artifact, self.stem + suffix)


def _digest(entries: dict[str, Any]) -> str:
    from hashlib import sha256

    digest = sha256()
    for path in sorted(entries, key=lambda p: p.encode()):
        e = entries[path]
        content = e.get("sha256") or sha256(e["ref"].encode()).hexdigest()
        digest.update(f"{path}\0{e.get('bytes', 0)}\0{content}\n".encode())
    return digest.hexdigest()


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if "@" in host else uri


def _copy_active(runs: str, run: str, name: str, to: str) -> bool:
    """Copy a file of an active run of this process. Reports whether there was one."""
    for r in _live.runs:
        if r.run_id == run and _copy_from(r._folder, name, to):
            return True
    return False


def _copy_from(folder: str, name: str, to: str) -> bool:
    try:
        at = _files.without_links(folder, "artifacts/" + name)
    except OSError:
        return False
    if not os.path.isfile(at):
        return False
    _files.copy(at, to, os.path.dirname(to))
    return True


def log_artifact(
    run: Any, artifact: Any, name: str | None = None, type: str | None = None, aliases: Any = None
) -> Artifact:
    """Keep an artifact with the run, and return it.

    artifact is an Artifact, or the path of a file or folder to make one from. aliases are further names of this
    version. The newest version is always "latest". Raises ValueError if there is no such file, or if name is not
    valid.
    """
    made = artifact if isinstance(artifact, Artifact) else None
    if made is None:
        path = os.path.abspath(os.fsdecode(os.fspath(artifact)))
        base = "".join(c if c in _LETTERS else "_" for c in os.path.basename(path.rstrip(os.sep))) or "file"
        made = Artifact(name or f"run-{run.id}-{base}"[:128], type or "unspecified")
        if run.disabled:
            return made
        try:
            if os.path.isdir(path):
                made.add_dir(path)
            else:
                made.add_file(path)
        except OSError as e:
            made._lose(e)
    if run.disabled or made._lost:
        return made
    names = [aliases] if isinstance(aliases, str) else list(aliases or [])
    if made._from is not None:
        if names:
            warn(
                f"artifact {made._name} is already logged, so it gets no more aliases; "
                "to add some, log its files again (equal content is stored once)"
            )
        return made
    digest = made.digest
    folder = os.path.join(run._folder, "artifacts")
    place = f"{_folder_for(run, made._name)}/{digest[:_SHORT]}"
    try:
        for path, entry in sorted(made._entries.items()):
            if "ref" in entry:
                continue
            at = f"{place}/{path}"
            to = os.path.join(folder, *at.split("/"))
            _files.no_links(folder, at)
            source = os.path.join(made._staged, *path.split("/"))
            _files.make(os.path.dirname(to))
            try:
                os.replace(source, to)
            except OSError:  # another file system
                _files.copy(source, to, _files.staging(run))
            _files.line(run, to, at, "file", entry["sha256"], entry["bytes"], made._name, run._step)
        import json

        from ._values import plain

        manifest = {
            "schema": 1,
            "name": made._name,
            "type": made.type,
            "description": made.description,
            "metadata": plain(made.metadata),
            "aliases": names,
            "digest": digest,
            "run": run.run_id,
            "time": round(time.time(), 6),
            "files": [{"path": p, **e} for p, e in sorted(made._entries.items())],
        }
        at = place + ".json"
        to = os.path.join(folder, *at.split("/"))
        data = json.dumps(manifest, indent=1).encode()
        sha, size = _files.write(to, data, _files.staging(run))
        _files.line(run, to, at, "artifact", sha, size, made._name, run._step, " ".join([made.type, *names]))
    except OSError as e:
        made._lose(e)
        return made
    made.aliases = names
    made._from = {
        "run": run.run_id,
        "runs": run._runs,
        "cwd": os.path.dirname(run._runs) or None,
        "digest": digest,
        "project": run.project,
        "place": place,
    }
    return made


def _folder_for(run: Any, name: str) -> str:
    """Return the folder for artifacts of a name.

    It has a suffix if the run has a file of that name.
    """
    taken = name == "traceback.txt" or any(
        os.path.lexists(p) and not os.path.isdir(p)
        for p in (os.path.join(run._folder, "files", name), os.path.join(run._folder, "artifacts", name))
    )
    return name + _SUFFIX if taken else name


def _run_folder(runs: str, run: str) -> str:
    """Return the folder of a finished run in the working tree."""
    return os.path.join(runs, f"{run[:4]}-{run[4:6]}-{run[6:8]}", run)


def _versions(cwd: str | None, name: str, project: str) -> list[Any]:
    """Return the manifests of an artifact's versions, oldest first.

    Each also has the keys "version" and "aliases". Manifests with equal content are one version. Raises CommError if
    the runs cannot be listed.
    """
    import json

    from . import _binary

    code, out, err = _binary.call(["ls", "--json", "-e", project] if project else ["ls", "--json"], cwd=cwd)
    try:
        records = json.loads(out)
    except ValueError:
        raise CommError(f"listing the runs: {_binary.reason(_binary.lines(err), code)}") from None
    found = []
    for record in records:
        listed = record.get("artifacts")
        if listed is None and "artifacts.parquet" in (record.get("files") or {}):
            # A run with many artifacts does not list them in run.toml; `runs` reads artifacts.parquet.
            code, out, err = _binary.call(["artifacts", record["id"], "--json", "--here"], cwd=cwd)
            try:
                listed = json.loads(out)
            except ValueError:
                warn(f"listing the artifacts of run {record['id']}: {_binary.reason(_binary.lines(err), code)}")
        for item in listed or ():
            path = item.get("path", "")
            folder, _, last = path.rpartition("/")
            if folder in (name, name + _SUFFIX) and last.endswith(".json") and len(last) == _SHORT + 5:
                manifest = _manifest(cwd, record, item)
                if manifest is not None and manifest.get("name") == name:
                    found.append(manifest)
    found.sort(key=lambda m: (m["time"], m["run"]))
    versions: list[Any] = []
    holder: dict[str, Any] = {}
    for m in found:
        known = next((v for v in versions if v["digest"] == m["digest"]), None)
        if known is None:
            known = {**m, "version": f"v{len(versions)}", "aliases": []}
            versions.append(known)
        for alias in [*m.get("aliases", ()), "latest"]:
            holder[alias] = known
    for alias, v in holder.items():
        v["aliases"].append(alias)
    return versions


def _is_entry(path: Any, entry: dict[str, Any]) -> bool:
    """Report whether a path and its entry in a manifest are valid."""
    if not isinstance(path, str) or _files.unportable(path) or not {"ref", "sha256"} & set(entry):
        return False
    size, digest = entry.get("bytes", 0), entry.get("sha256")
    if type(size) is not int or size < 0 or not isinstance(entry.get("ref", ""), str):
        return False
    if digest is None:
        return "sha256" not in entry
    return isinstance(digest, str) and len(digest) == 64 and not set(digest) - set("0123456789abcdef")


_known: dict[str, Any] = {}  # manifests by digest of the file


def _manifest(cwd: str | None, record: dict[str, Any], item: dict[str, Any]) -> dict[str, Any] | None:
    """Return a manifest that matches its record and is valid, or None with a warning.

    Its paths are checked, so that none of them leads out of a folder.
    """
    import json

    if item.get("bytes", 0) > _MAX_MANIFEST:
        return None
    place = item["path"].removesuffix(".json")
    if item["sha256"] in _known:
        return {**_known[item["sha256"]], "run": record["id"], "place": place}
    from hashlib import sha256

    from . import _binary

    data = b""
    runs = os.path.join(cwd or os.getcwd(), ".runs")
    for folder in (_run_folder(runs, record["id"]), os.path.join(runs, "active", record["id"])):
        try:
            with open(_files.without_links(folder, "artifacts/" + item["path"]), "rb") as f:
                data = f.read(_MAX_MANIFEST + 1)
        except OSError:
            continue
        if sha256(data).hexdigest() == item["sha256"]:
            break
    if sha256(data).hexdigest() != item["sha256"]:
        code, data, err = _binary.call(["artifacts", record["id"], item["path"], "-o", "-"], cwd=cwd)
        if code or sha256(data).hexdigest() != item["sha256"]:
            warn_once(
                ("manifest", item["sha256"]),
                f"reading artifact {item['path']} of run {record['id']}: "
                + (_binary.reason(_binary.lines(err), code) if code else "its content differs from what was recorded"),
            )
            return None
    try:
        m = json.loads(data)
        entries = {f["path"]: {k: f[k] for k in ("sha256", "bytes", "ref") if k in f} for f in m["files"]}
        if (
            not all(_is_entry(p, e) for p, e in entries.items())
            or _digest(entries) != m["digest"]
            or not isinstance(m["type"], str)
        ):
            raise ValueError
        if type(m["time"]) not in (int, float) or not 0 <= m["time"] < 1 << 53:
            raise ValueError
        m["entries"] = entries
        m["aliases"] = [a for a in m.get("aliases") or () if isinstance(a, str)]
        m["description"] = m["description"] if isinstance(m.get("description"), str) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        warn_once(
            ("manifest", item["sha256"]),
            f"skipped artifact {item['path']} of run {record['id']}: its manifest is invalid",
        )
        return None
    _known[item["sha256"]] = m
    return {**m, "run": record["id"], "place": place}


def _find(run: Any, wanted: str, type: str | None) -> Artifact:
    path, _, alias = wanted.rpartition("/")[2].partition(":")
    project = wanted.split("/")[-2] if "/" in wanted else run.project
    cwd = os.path.dirname(run._runs) if getattr(run, "_runs", "") else None
    _name_of(path)
    versions = _versions(cwd, path, project)
    if not versions and "/" not in wanted:
        # If the runs have no experiment, the project is the name of the folder.
        versions = _versions(cwd, path, "")
        versions = [v for v in versions] if project == os.path.basename(cwd or os.getcwd()) else []
    if not versions:
        raise CommError(
            f"artifact {path}: no run of project {project!r} in this clone has logged it; "
            f"run 'runs pull' to fetch runs of others, or use 'project/{path}:latest' for another project"
        )
    alias = alias or "latest"
    for v in versions:
        if v["version"] == alias or alias in v["aliases"] or len(alias) >= 8 and v["digest"].startswith(alias):
            break
    else:
        have = ", ".join(
            f"{v['version']}" + (f" ({', '.join(v['aliases'])})" if v["aliases"] else "") for v in versions[-10:]
        )
        raise CommError(f"artifact {path} has no version {alias!r}; it has {have}")
    if type is not None and v.get("type") != type:
        raise CommError(f"artifact {path}:{alias} must have the type {type!r}, got {v.get('type')!r}")
    a = Artifact(
        path,
        str(v.get("type") or ""),
        v.get("description"),
        v.get("metadata") if isinstance(v.get("metadata"), dict) else {},
    )
    a._entries = dict(v["entries"])
    a.aliases = list(v["aliases"])
    runs = getattr(run, "_runs", "") or os.path.join(os.getcwd(), ".runs")
    a._from = {
        "run": v["run"],
        "runs": runs,
        "cwd": cwd,
        "digest": v["digest"],
        "project": project,
        "version": v["version"],
        "place": v["place"],
        "folder": os.path.join(runs, "active", v["run"]),
    }
    return a


def use_artifact(
    run: Any, artifact: Any, type: str | None = None, aliases: Any = None, use_as: str | None = None
) -> Artifact:
    """Return an artifact, and record that the run uses it.

    The record is a dataset of role "artifact". artifact is "name", "name:alias", "name:v3", "project/name:latest" or
    an Artifact. Raises CommError if it is not found.
    """
    if isinstance(artifact, Artifact):
        a = artifact
        if a._from is None:
            a = log_artifact(run, a, aliases=aliases)
    else:
        a = _find(run, str(artifact), type)
    if run.disabled or a._from is None:
        return a
    used = run.__dict__.setdefault("_used_artifacts", {})
    digest = a.digest
    name = a._name if used.setdefault(a._name, digest) == digest else f"{a._name}@{digest[:8]}"
    run._write(
        {
            "dataset": {
                "path": "",
                "name": name,
                "sha256": digest,
                "bytes": a.size,
                "files": a.file_count,
                "role": "artifact",
            }
        }
    )
    return a


def log_model(run: Any, path: Any, name: str | None = None, aliases: Any = None) -> Artifact:
    """Keep a file or folder as an artifact of type "model"."""
    return log_artifact(run, path, name=name, type="model", aliases=aliases)


def use_model(run: Any, name: str) -> str:
    """Download a model, and return the path of its file.

    If it has several files, the path is that of their folder.
    """
    a = use_artifact(run, name, type="model")
    return a.file() if a.file_count == 1 else a.download()
