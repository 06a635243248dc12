"""Artifacts: named files with versions, kept with the run that made them, and found over the runs of the project.

An artifact's files lie in its run at artifacts/<name>/<first 12 digits of its digest>/…, and a manifest beside that folder,
<12 digits>.json, of kind "artifact". Where the run keeps a file <name>, the folder is <name>+artifact. Its digest is that of a dataset folder: SHA-256 of a line `path NUL size NUL sha256 LF` a file,
sorted by path; a reference counts as 0 bytes with the SHA-256 of its URI.
"""

from __future__ import annotations

import errno
import os
import time

from . import _files, _live
from ._errors import CommError, Error, UsageError
from ._media import _failure
from ._say import once, say

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_SHORT = 12  # digits of a digest in paths
_MAX_MANIFEST = 64 << 20
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_BESIDE = "+artifact"  # behind a name that a saved file has; no name of an artifact holds a plus


def _name_of(name: str) -> str:
    if (
        not isinstance(name, str)
        or not name
        or len(name) > 128
        or any(c not in _LETTERS for c in name)
        or _files.unportable(name)
    ):
        raise ValueError(
            f"artifact name {name!r}: letters, digits, '_', '.' and '-', 128 at most, and no name that a file system reserves"
        )
    return name


class Artifact:
    """Files under a name, with a type, a description and metadata (a dict that JSON can hold).

    Files are copied when they are added; log_artifact makes them a version. Raises ValueError for a name that a path cannot hold.
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
        self._from: dict[str, Any] | None = None  # of a logged one: run, runs folder, digest, version, sequence
        self._objects: dict[str, Any] = {}
        self._brought = ""  # where the last download was
        self._lost = ""  # why it cannot be kept

    # Adding

    def _open(self) -> None:
        if self._from is not None:
            raise UsageError(
                f"artifact {self.name} is logged: make a new Artifact of the same name, which becomes its next version"
            )

    def _stage(self) -> str:
        if not self._staged:
            import tempfile
            import weakref

            run = _live.active()
            if run is not None and not run.disabled and os.path.isdir(run._folder):
                # On the file system of the run: at the end a file is moved there, not copied again.
                self._staged = os.path.join(_files.staging(run), os.urandom(8).hex())
                os.makedirs(self._staged)
            else:
                self._staged = tempfile.mkdtemp(prefix="gitruns-artifact-")
            import shutil

            weakref.finalize(self, shutil.rmtree, self._staged, True)
        return self._staged

    def _add(self, source: str, path: str, overwrite: bool = True) -> None:
        path = path.replace(os.sep, "/")
        if why := _files.unportable(path):
            raise ValueError(f"artifact {self._name}: {path!r}: {why}")
        if not overwrite and path in self._entries:
            return
        if any(p.startswith(path + "/") or path.startswith(p + "/") for p in self._entries):
            raise ValueError(f"artifact {self._name}: {path!r} would be a file and a folder")
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
        """Say that the artifact cannot be kept: a version that lacks a file would be worse than none."""
        self._lost = self._lost or _failure(e)
        next_step = "; free some space" if e.errno in _FULL else ""
        once(("artifact", self._name), f"ARTIFACT {self._name} IS NOT KEPT: {_failure(e)}; training goes on{next_step}")

    def add_file(
        self,
        local_path: Any,
        name: str | None = None,
        is_tmp: bool = False,
        skip_cache: bool = False,
        policy: str = "mutable",
        overwrite: bool = False,
    ) -> Entry:
        """Add a file, under its own name or another path. Raises ValueError where there is none, or for a path that leads out."""
        self._open()
        source = os.fsdecode(os.fspath(local_path))
        if not os.path.isfile(source):
            raise ValueError(f"add_file: {source} is no file; for a folder there is add_dir")
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
        """Add every file below a folder, at its top or below name. Links that lead out of the folder are left out, and said.

        Raises ValueError where there is no folder.
        """
        self._open()
        top = os.path.abspath(os.fsdecode(os.fspath(local_path)))
        if not os.path.isdir(top):
            raise ValueError(f"add_dir: {top} is no folder")
        for source, path in _files.walk(top):
            self._add(source, (name.strip("/") + "/" if name else "") + path)

    def add_reference(
        self, uri: Any, name: str | None = None, checksum: bool = True, max_objects: int | None = None
    ) -> list[Entry]:
        """Add a name for data elsewhere: its URI is recorded, the data is not. Of a file: URI or a path the content is hashed too."""
        self._open()
        text = str(getattr(uri, "uri", uri))
        if "://" not in text:
            text = "file://" + os.path.abspath(os.fsdecode(os.fspath(uri)))
        path = name or text.rstrip("/").rpartition("/")[2] or "reference"
        if why := _files.unportable(path):
            raise ValueError(f"artifact {self._name}: {path!r}: {why}")
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
                raise ValueError(f"add_reference: {local} is not there")
            entry["sha256"], entry["bytes"] = _files.digest_of(local)
        self._entries[path] = entry
        return [self._entry(path)]

    def new_file(self, name: str, mode: str = "x", encoding: str | None = None) -> _NewFile:
        """A file to write into, added when it is closed: `with artifact.new_file("notes.txt") as f:`. Raises ValueError for a path that leads out."""
        self._open()
        if why := _files.unportable(name):
            raise ValueError(f"artifact {self._name}: {name!r}: {why}")
        return _NewFile(self, name, mode, encoding)

    def add(self, obj: Any, name: str, overwrite: bool = False) -> Entry:
        """Add an object of media (Table, Image, …) as files that begin with name. A Table is read again with get()."""
        self._open()
        if not getattr(type(obj), "_gitruns_media", False):
            raise ValueError(f"add: {type(obj).__name__} is no media; write it to a file and add_file() that")
        if getattr(obj, "_error", ""):
            raise ValueError(f"add: {obj._error}")
        if why := _files.unportable(name):
            raise ValueError(f"artifact {self._name}: {name!r}: {why}")
        self._objects[name] = obj
        obj._put(_Inside(self, name))
        return self._entry(name)

    def remove(self, item: Any) -> None:
        """Take a file out by its path."""
        self._open()
        path = getattr(item, "path", item)
        if path not in self._entries:
            raise FileNotFoundError(f"artifact {self._name} has no {path}")
        del self._entries[path]

    # What it is

    @property
    def name(self) -> str:
        """name, and of a logged one name:version."""
        return f"{self._name}:{self.version}" if self._from is not None else self._name

    @property
    def digest(self) -> str:
        """The SHA-256 of its files."""
        return self._from["digest"] if self._from is not None else _digest(self._entries)

    @property
    def version(self) -> str:
        """v0, v1, …: counted over the runs that are here, in order of time; of two with the same content one. Raises CommError
        without the binary."""
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
        """The experiment of the run that made it."""
        return self._from["project"] if self._from is not None else ""

    @property
    def id(self) -> str:
        """Its digest."""
        return self.digest

    @property
    def qualified_name(self) -> str:
        """project/name:version."""
        return "/".join(p for p in (self.project, self.name) if p)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(e.get("bytes", 0) for e in self._entries.values())

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return len(self._entries)

    @property
    def manifest(self) -> dict[str, dict[str, Any]]:
        """{path: {"sha256", "bytes"} or {"ref"}}."""
        return {p: dict(e) for p, e in sorted(self._entries.items())}

    def wait(self, timeout: Any = None) -> Artifact:
        """Itself: what log_artifact returned from is kept."""
        return self

    def is_draft(self) -> bool:
        """Whether it is not logged yet."""
        return self._from is None

    def save(self, project: str | None = None, settings: Any = None) -> None:
        """Log it with the active run. A logged one cannot change. Raises UsageError."""
        run = _live.active()
        self._open()
        if run is None:
            raise UsageError("call gitruns.init() before Artifact.save()")
        log_artifact(run, self)

    def link(self, *args: Any, **kwargs: Any) -> None:
        """gitruns has no registry: raises Error."""
        raise Error(
            "gitruns has no registry to link to; log the artifact with aliases=['production'] and use it as 'name:production'"
        )

    # Reading

    def _entry(self, path: str) -> Entry:
        return Entry(self, path)

    def get_entry(self, name: Any) -> Entry:
        """The file at a path. Raises KeyError where it has none."""
        name = os.fspath(name)
        if name not in self._entries:
            raise KeyError(
                f"artifact {self.name} has no {name}; it has {', '.join(sorted(self._entries)[:10]) or 'no files'}"
            )
        return self._entry(name)

    get_path = get_entry

    def files(self, names: Any = None, per_page: int = 50) -> list[Entry]:
        """Its files."""
        return [self._entry(p) for p in sorted(self._entries) if names is None or p in names]

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def get(self, name: str) -> Any:
        """An object that was added under name; of a logged one a Table, as its rows, needs pyarrow. None where there is none."""
        if name in self._objects:
            return self._objects[name]
        for ending in (".parquet", ".table.parquet"):
            if name + ending in self._entries:
                import pyarrow.parquet

                from ._table import Table

                got = pyarrow.parquet.read_table(self.get_entry(name + ending).download())
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
        """Bring its files into a folder, each proved by its digest; return the folder.

        root: where; else below .runs/cache/artifacts, or what RUNS_ARTIFACT_DIR names. What is there already with the right
        content stays. References to local files are copied, others are left out and said. Raises CommError where a file cannot be had.
        """
        self._logged()
        top = os.path.abspath(os.fspath(root)) if root is not None else self._root()
        prefix = os.fspath(path_prefix) if path_prefix else ""
        for path in sorted(self._entries):
            if path.startswith(prefix):
                self._bring(path, top, allow_missing_references)
        os.makedirs(top, exist_ok=True)
        self._brought = top
        return top

    def _logged(self) -> dict[str, Any]:
        """Where it was logged. Raises UsageError for one that is not."""
        if self._from is None:
            raise UsageError(f"artifact {self._name} is not logged yet; its files are where they were added from")
        return self._from

    def _root(self) -> str:
        given = os.environ.get("RUNS_ARTIFACT_DIR") or os.environ.get("WANDB_ARTIFACT_DIR")
        base = given or os.path.join(self._logged()["runs"], "cache", "artifacts")
        return os.path.abspath(os.path.join(base, self._name, self.digest[:_SHORT]))

    def checkout(self, root: Any = None) -> str:
        """The same as download."""
        return self.download(root)

    def file(self, root: Any = None) -> str:
        """Bring its only file; return its path. Raises ValueError where it has several."""
        if len(self._entries) != 1:
            raise ValueError(f"artifact {self.name} has {len(self._entries)} files; download() brings all of them")
        return self.get_entry(next(iter(self._entries))).download(root)

    def verify(self, root: Any = None) -> None:
        """Prove the files of a download: of the folder root, else of the last one. Raises ValueError for one that is missing or changed."""
        top = os.path.abspath(os.fspath(root)) if root is not None else self._brought or self._root()
        for path, entry in self._entries.items():
            at = os.path.join(top, *path.split("/"))
            if "sha256" in entry and (not os.path.isfile(at) or _files.digest_of(at)[0] != entry["sha256"]):
                raise ValueError(f"{at} is not what artifact {self.name} recorded")

    def _bring(self, path: str, top: str, missing: bool = False) -> str:
        if self._from is None:
            raise UsageError(f"artifact {self._name} is not logged yet")
        entry = self._entries[path]
        if why := _files.unportable(path):
            raise CommError(f"artifact {self._name}: {path!r}: {why}")
        to = os.path.join(top, *path.split("/"))
        if "ref" in entry and not (entry["ref"].startswith("file://") and "sha256" in entry):
            once(
                ("ref", entry["ref"]),
                f"{path} of artifact {self._name} is a reference, which is not brought: {entry['ref']}",
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
                    raise CommError(f"{path} of artifact {self._name}: its content is not what was recorded")
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
            raise CommError(f"{path} of artifact {self._name}: {_line_of(err)}")

    def __repr__(self) -> str:
        return f"<gitruns.Artifact {self._name}, {self.type}, {len(self._entries)} files>"

    if not TYPE_CHECKING:  # a checker takes only what is there

        def __getattr__(self, name: str) -> Any:
            from ._refused import of

            return of(Artifact, "artifact", name)


class Entry:
    """One file of an artifact."""

    def __init__(self, artifact: Artifact, path: str) -> None:
        self._artifact = artifact
        self.path = self.name = path
        entry = artifact._entries.get(path, {})
        self.digest: str = entry.get("sha256", "")
        self.size: int = entry.get("bytes", 0)
        self.ref: str | None = entry.get("ref")

    def download(self, root: Any = None, skip_cache: bool | None = None) -> str:
        """Bring it into a folder, proved by its digest; return its path. Raises CommError."""
        a = self._artifact
        if a._from is None:
            raise UsageError(f"artifact {a._name} is not logged yet")
        return a._bring(self.path, os.path.abspath(os.fspath(root)) if root is not None else a._root())

    def ref_target(self) -> str:
        """The URI of a reference. Raises ValueError for a file."""
        if self.ref is None:
            raise ValueError(f"{self.path} is no reference")
        return self.ref

    def __repr__(self) -> str:
        return f"<gitruns.artifact entry {self.path}>"


class _NewFile:
    """A file of an artifact while it is written."""

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
        """Close it and add it."""
        self.__exit__(None)


class _Inside:
    """The place of media inside an artifact: as _media.Place."""

    def __init__(self, artifact: Artifact, stem: str) -> None:
        self._artifact, self.stem = artifact, stem

    def put(self, ending: str, kind: str, data: bytes | None = None, path: str | None = None, caption: str = "") -> str:
        name = self.stem + ending
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


def _line_of(err: bytes) -> str:
    from ._binary import words

    return (
        "; ".join(line.removeprefix("runs: ") for line in words(err))[:500]
        or "the program 'runs' failed and said nothing"
    )


def _copy_active(runs: str, run: str, name: str, to: str) -> bool:
    """Copy a file of a run in progress in this process, whose folder is known."""
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
    """Keep an artifact, or a file or folder as one, with the run; return it. aliases are further names of this version;
    "latest" is the newest without being said. Raises ValueError where there is no such file; UsageError for one that is empty of a name.
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
            say(
                f"artifact {made._name} is logged already: for more aliases log its files again, their content is kept once"
            )
        return made
    digest = made.digest
    folder = os.path.join(run._folder, "artifacts")
    place = f"{_place(run, made._name)}/{digest[:_SHORT]}"
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
            "schema": 1, "name": made._name, "type": made.type, "description": made.description, "metadata": plain(made.metadata), "aliases": names,
            "digest": digest, "run": run.run_id, "time": round(time.time(), 6), "files": [{"path": p, **e} for p, e in sorted(made._entries.items())],
        }  # fmt: skip
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


def _place(run: Any, name: str) -> str:
    """The folder for the artifacts of that name: where a file of the run has the name, one beside it."""
    taken = name == "traceback.txt" or any(
        os.path.lexists(p) and not os.path.isdir(p)
        for p in (os.path.join(run._folder, "files", name), os.path.join(run._folder, "artifacts", name))
    )
    return name + _BESIDE if taken else name


def _folders(runs: str, record: dict[str, Any]) -> str:
    """The folder of a run, where it lies in the working tree."""
    run = record["id"]
    return os.path.join(runs, f"{run[:4]}-{run[4:6]}-{run[6:8]}", run)


def _versions(cwd: str | None, name: str, project: str) -> list[Any]:
    """The versions of an artifact, the oldest first: manifests with "version", "aliases" of all that have this content."""
    import json

    from . import _binary

    code, out, err = _binary.call(["ls", "--json", "-e", project] if project else ["ls", "--json"], cwd=cwd)
    try:
        records = json.loads(out)
    except ValueError:
        raise CommError(f"listing the runs: {_line_of(err)}") from None
    found = []
    for record in records:
        listed = record.get("artifacts")
        if listed is None and "artifacts.parquet" in (record.get("files") or {}):
            # More than run.toml lists: the binary has them.
            code, out, err = _binary.call(["artifacts", record["id"], "--json", "--here"], cwd=cwd)
            try:
                listed = json.loads(out)
            except ValueError:
                say(f"artifacts of run {record['id']}: {_line_of(err)}")
        for item in listed or ():
            path = item.get("path", "")
            folder, _, last = path.rpartition("/")
            if folder in (name, name + _BESIDE) and last.endswith(".json") and len(last) == _SHORT + 5:
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
    """Whether a path and what a manifest says of it are of the form that this client writes."""
    if not isinstance(path, str) or _files.unportable(path) or not {"ref", "sha256"} & set(entry):
        return False
    size, digest = entry.get("bytes", 0), entry.get("sha256")
    if type(size) is not int or size < 0 or not isinstance(entry.get("ref", ""), str):
        return False
    return (
        digest is None
        and "sha256" not in entry
        or isinstance(digest, str)
        and len(digest) == 64
        and not set(digest) - set("0123456789abcdef")
    )


_known: dict[str, Any] = {}  # manifests by digest of the file


def _manifest(cwd: str | None, record: dict[str, Any], item: dict[str, Any]) -> dict[str, Any] | None:
    """A manifest that is what the record says, or None. Nothing in it is believed that could lead out of a folder."""
    import json

    if item.get("bytes", 0) > _MAX_MANIFEST:
        return None
    place = item["path"].removesuffix(".json")
    if item["sha256"] in _known:
        return {**_known[item["sha256"]], "run": record["id"], "place": place}
    from hashlib import sha256

    from . import _binary

    data = b""
    for folder in [os.path.join(cwd or os.getcwd(), ".runs")]:
        for of in (_folders(folder, record), os.path.join(folder, "active", record["id"])):
            try:
                with open(_files.without_links(of, "artifacts/" + item["path"]), "rb") as f:
                    data = f.read(_MAX_MANIFEST + 1)
            except OSError:
                continue
            if sha256(data).hexdigest() == item["sha256"]:
                break
    if sha256(data).hexdigest() != item["sha256"]:
        code, data, err = _binary.call(["artifacts", record["id"], item["path"], "-o", "-"], cwd=cwd)
        if code or sha256(data).hexdigest() != item["sha256"]:
            once(
                ("manifest", item["sha256"]),
                f"artifact {item['path']} of run {record['id']} cannot be read: {_line_of(err)}",
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
        once(
            ("manifest", item["sha256"]),
            f"artifact {item['path']} of run {record['id']} is no manifest: it is left out",
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
        versions = _versions(cwd, path, "")  # the project was only the folder's name, and the runs have none
        versions = [v for v in versions] if project == os.path.basename(cwd or os.getcwd()) else []
    if not versions:
        raise CommError(
            f"artifact {path}: no run of project {project!r} that is here has logged it; 'runs pull' brings the runs of others, another project's is 'project/{path}:latest'"
        )
    alias = alias or "latest"
    for v in versions:
        if v["version"] == alias or alias in v["aliases"] or len(alias) >= 8 and v["digest"].startswith(alias):
            break
    else:
        have = ", ".join(
            f"{v['version']}" + (f" ({', '.join(v['aliases'])})" if v["aliases"] else "") for v in versions[-10:]
        )
        raise CommError(f"artifact {path}: no version {alias!r}; there are {have}")
    if type is not None and v.get("type") != type:
        raise CommError(f"artifact {path}:{alias} has the type {v.get('type')!r}, not {type!r}")
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
    """An artifact that the run uses: "name", "name:alias", "name:v3", "project/name:latest", or an Artifact. The run's record
    gains a dataset of role "artifact" with its digest. Raises CommError where it cannot be found.
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
    """Keep a file or folder as an artifact of type model."""
    return log_artifact(run, path, name=name, type="model", aliases=aliases)


def use_model(run: Any, name: str) -> str:
    """Bring a model; return the path of its file, or of its folder where it has several."""
    a = use_artifact(run, name, type="model")
    return a.file() if a.file_count == 1 else a.download()
