"""Builds wheels of gitruns, with the package and the programs for one platform in each (PEP 517 and PEP 660).

It needs Go and nothing but the standard library of Python. The same sources give the same bytes: files are sorted, and
times are SOURCE_DATE_EPOCH or 1980.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The Go module is around this folder in a clone, and inside it in a source distribution.
ROOT = os.path.join(HERE, "go") if os.path.isfile(os.path.join(HERE, "go", "go.mod")) else os.path.dirname(HERE)
NAME = "gitruns"

# The tags of the wheel for each platform of Go. A static binary runs on every Linux of its architecture. Go needs macOS
# 12.
PLATFORMS = {
    ("linux", "amd64"): "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    ("linux", "arm64"): "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    ("darwin", "amd64"): "macosx_12_0_x86_64",
    ("darwin", "arm64"): "macosx_12_0_arm64",
    ("windows", "amd64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
}


def version() -> str:
    """Return the version in the package's _version.py."""
    names: dict = {}
    with open(os.path.join(HERE, "src", NAME, "_version.py"), encoding="utf-8") as f:
        exec(f.read(), names)
    return names["__version__"]


def host() -> tuple[str, str]:
    """Return the platform of this Python by Go's names.

    Raises SystemExit if no wheel is built for it.
    """
    system = {"linux": "linux", "darwin": "darwin", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    if (system, machine) not in PLATFORMS:
        raise SystemExit(f"gitruns: no wheel is built for {system}/{machine}; build 'runs' with Go and set RUNS_BINARY")
    return system, machine


# The program, and the one that it starts for https where git is not installed.
PROGRAMS = ("runs", "runs-https")


def programs(target: tuple[str, str], folder: str) -> list[str]:
    """Build the programs for a platform into folder, and return their paths. The first one is `runs`.

    For this platform, RUNS_BINARY may be the path of a program that is already built. The others are then those next to
    it. Raises SystemExit if Go or the Go sources are missing, or if the build fails.
    """
    given = os.environ.get("RUNS_BINARY")
    if given and target == host():
        return _built(given)
    system, machine = target
    if not os.path.isfile(os.path.join(ROOT, "go.mod")):
        raise SystemExit("gitruns: the Go sources are missing; install from a clone, or install a wheel")
    go = shutil.which("go")
    if go is None:
        raise SystemExit(
            "gitruns: Go is not installed, which builds the program 'runs'; install Go (https://go.dev/dl), "
            "set RUNS_BINARY to a built 'runs', or install a wheel"
        )
    env = {**os.environ, "GOOS": system, "GOARCH": machine, "CGO_ENABLED": "0"}
    paths = []
    for name in PROGRAMS:
        paths.append(os.path.join(folder, name + (".exe" if system == "windows" else "")))
        done = subprocess.run(
            [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", paths[-1], "./cmd/" + name],
            cwd=ROOT,
            env=env,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(
                f"gitruns: 'go build ./cmd/{name}' for {system}/{machine} ended with status {done.returncode}"
            )
    return paths


def _built(path: str) -> list[str]:
    """Return path, which is a program `runs` that is already built, and those that are next to it.

    A warning names those that are missing.
    """
    paths = [_same_version(path)]
    for name in PROGRAMS[1:]:
        beside = os.path.join(os.path.dirname(os.path.realpath(path)), name + (".exe" if os.name == "nt" else ""))
        if os.path.isfile(beside):
            paths.append(beside)
        else:
            print(f"gitruns: warning: {name} is not next to {path}; the wheel has only 'runs'", file=sys.stderr)
    return paths


def _scripts(base: str, paths: list[str]) -> list[tuple[str, bytes, int]]:
    scripts = []
    for path in paths:
        with open(path, "rb") as f:
            scripts.append((f"{base}.data/scripts/{os.path.basename(path)}", f.read(), 0o755))
    return scripts


def _same_version(path: str) -> str:
    """Return path. Raises SystemExit if it is not a program `runs` with the version of this client."""
    import json

    try:
        out = subprocess.run([path, "version", "--json"], stdout=subprocess.PIPE, check=True).stdout
        found = json.loads(out)["version"]
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError, TypeError) as e:
        raise SystemExit(
            f"gitruns: {path} is not a program 'runs' ({e}); set RUNS_BINARY to a built one, or unset it"
        ) from None
    if found != version():
        raise SystemExit(
            f"gitruns: {path} has version {found}, but this client has {version()}; build both from the same sources"
        )
    return path


def _metadata() -> bytes:
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as f:
        readme = f.read()
    head = [
        "Metadata-Version: 2.4",
        f"Name: {NAME}",
        f"Version: {version()}",
        "Summary: Record machine-learning experiments in Git, as files, without a server",
        "License-Expression: Apache-2.0",
        "License-File: LICENSE",
        "Requires-Python: >=3.9",
        "Keywords: machine learning,experiment tracking,git,wandb,mlflow",
        "Classifier: Development Status :: 4 - Beta",
        "Classifier: Intended Audience :: Science/Research",
        "Classifier: Programming Language :: Python :: 3",
        "Classifier: Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Classifier: Typing :: Typed",
        "Description-Content-Type: text/markdown",
    ]
    return ("\n".join(head) + "\n\n" + readme).encode()


def _wheel(tag: str) -> bytes:
    tags = [f"Tag: py3-none-{t}" for t in tag.split(".")]
    return (
        "\n".join(["Wheel-Version: 1.0", f"Generator: gitruns {version()}", "Root-Is-Purelib: false", *tags]) + "\n"
    ).encode()


# What other packages look for, as in pyproject.toml.
ENTRY_POINTS = b"""[mlflow.model_registry_store]
gitruns = gitruns._mlflow:registry_store

[mlflow.tracking_store]
gitruns = gitruns._mlflow:tracking_store
"""


def _sources() -> list[tuple[str, bytes]]:
    out = []
    top = os.path.join(HERE, "src")
    for folder, folders, files in os.walk(os.path.join(top, NAME)):
        folders[:] = sorted(d for d in folders if d != "__pycache__")
        for name in sorted(files):
            if name.endswith((".pyc", ".pyo")):
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                out.append((os.path.relpath(path, top).replace(os.sep, "/"), f.read()))
    return out


def _license() -> list[tuple[str, bytes]]:
    path = os.path.join(ROOT, "LICENSE")
    if not os.path.isfile(path):
        path = os.path.join(HERE, "LICENSE")
    with open(path, "rb") as f:
        return [(f"{NAME}-{version()}.dist-info/licenses/LICENSE", f.read())]


def _write(path: str, files: list[tuple[str, bytes, int]], info: str) -> None:
    stamp = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), 315532800))[:6]
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data, mode in files:
            entry = zipfile.ZipInfo(name, stamp)
            entry.external_attr = (0o100000 | mode) << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}")
        entry = zipfile.ZipInfo(f"{info}/RECORD", stamp)
        entry.external_attr = 0o100644 << 16
        entry.create_system = 3
        entry.compress_type = zipfile.ZIP_DEFLATED
        z.writestr(entry, "\n".join([*record, f"{info}/RECORD,,"]) + "\n")


def wheel(folder: str, target: tuple[str, str]) -> str:
    """Build the wheel of a platform into folder, and return its file name."""
    import tempfile

    tag = PLATFORMS[target]
    base = f"{NAME}-{version()}"
    info = f"{base}.dist-info"
    files = [(n, d, 0o644) for n, d in _sources()]
    with tempfile.TemporaryDirectory() as scratch:
        files += _scripts(base, programs(target, scratch))
    files += [(n, d, 0o644) for n, d in _license()]
    files += [(f"{info}/METADATA", _metadata(), 0o644), (f"{info}/WHEEL", _wheel(tag), 0o644)]
    files.append((f"{info}/entry_points.txt", ENTRY_POINTS, 0o644))
    name = f"{base}-py3-none-{tag}.whl"
    os.makedirs(folder, exist_ok=True)
    _write(os.path.join(folder, name), files, info)
    return name


# The hooks of PEP 517 and PEP 660.


def get_requires_for_build_wheel(config_settings: object = None) -> list:
    """Return no requirements."""
    return []


get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """Build the wheel of this platform, and return its file name."""
    return wheel(wheel_directory, host())


def build_editable(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """Build a wheel that points to src, with the program as its script, and return its file name.

    The program is built, or it is RUNS_BINARY, or without Go the one on the PATH.
    """
    import tempfile

    target = host()
    tag = PLATFORMS[target]
    base = f"{NAME}-{version()}"
    info = f"{base}.dist-info"
    # Not under src, because Go embeds every file there into the next program.
    with tempfile.TemporaryDirectory() as scratch:
        found = shutil.which("runs")
        if (
            found
            and not os.environ.get("RUNS_BINARY")
            and (shutil.which("go") is None or not os.path.isfile(os.path.join(ROOT, "go.mod")))
        ):
            paths = _built(found)
        else:
            paths = programs(target, scratch)
        scripts = _scripts(base, paths)
    files = [
        (f"__editable__.{NAME}.pth", os.path.join(HERE, "src").encode() + b"\n", 0o644),
        *scripts,
        *[(n, d, 0o644) for n, d in _license()],
        (f"{info}/METADATA", _metadata(), 0o644),
        (f"{info}/WHEEL", _wheel(tag), 0o644),
        (f"{info}/entry_points.txt", ENTRY_POINTS, 0o644),
    ]
    file = f"{base}-py3-none-{tag}.whl"
    _write(os.path.join(wheel_directory, file), files, info)
    return file


# The parts of the Go module that a source distribution has in its folder go.
GO_SOURCES = (
    "LICENSE",
    "go.mod",
    "go.sum",
    "cmd/runs",
    "cmd/runs-https",
    "cmd/internal",
    "diff",
    "format",
    "repo",
    "python/embed.go",
    "python/src",
)


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    """Build a distribution of the sources of client and program, and return its file name.

    Installing it needs Go, which downloads its modules.
    """
    import gzip
    import io

    base = f"{NAME}-{version()}"
    entries = {"PKG-INFO": _metadata(), **{"src/" + n: d for n, d in _sources()}}
    paths = {
        n: os.path.join(HERE, n) for n in ("pyproject.toml", "README.md", "build_wheels.py", "backend/gitruns_build.py")
    }
    paths["LICENSE"] = os.path.join(ROOT, "LICENSE")
    for name in GO_SOURCES:
        top = os.path.join(ROOT, name)
        paths.update({f"go/{name}": top} if os.path.isfile(top) else {})
        for folder, folders, files in os.walk(top):
            folders[:] = [d for d in folders if d not in ("__pycache__", "testdata")]
            for file in files:
                if not file.endswith(("_test.go", ".pyc")):
                    path = os.path.join(folder, file)
                    paths["go/" + os.path.relpath(path, ROOT).replace(os.sep, "/")] = path
    if "go/go.mod" not in paths:
        raise SystemExit("gitruns: the Go sources are missing; build a source distribution in a clone")
    for name, path in paths.items():
        with open(path, "rb") as f:
            entries[name] = f.read()
    stamp = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))
    file = base + ".tar.gz"
    with (
        open(os.path.join(sdist_directory, file), "wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=stamp) as packed,
    ):
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as t:
            for name in sorted(entries):
                entry = tarfile.TarInfo(f"{base}/{name}")
                entry.size, entry.mtime = len(entries[name]), stamp
                t.addfile(entry, io.BytesIO(entries[name]))
    return file
