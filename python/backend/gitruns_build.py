"""Builds wheels of gitruns with the standard library and Go: a wheel carries the package and the program `runs` of its platform.

PEP 517 and PEP 660. The same sources give the same bytes: files are sorted, times are SOURCE_DATE_EPOCH or 1980.
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
ROOT = os.path.dirname(HERE)
NAME = "gitruns"

# What a wheel is called for each platform that Go builds for. A static binary runs on any Linux of the architecture; Go needs
# macOS 12.
PLATFORMS = {
    ("linux", "amd64"): "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    ("linux", "arm64"): "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    ("darwin", "amd64"): "macosx_12_0_x86_64",
    ("darwin", "arm64"): "macosx_12_0_arm64",
    ("windows", "amd64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
}


def version() -> str:
    """The version of the package's _version.py."""
    names: dict = {}
    with open(os.path.join(HERE, "src", NAME, "_version.py"), encoding="utf-8") as f:
        exec(f.read(), names)  # noqa: S102: our own file
    return names["__version__"]


def host() -> tuple[str, str]:
    """The platform of this Python, in Go's words. Raises SystemExit for one that no wheel is built for."""
    system = {"linux": "linux", "darwin": "darwin", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower(), platform.machine())
    if (system, machine) not in PLATFORMS:
        raise SystemExit(f"gitruns: no wheel is made for {system}/{machine}; build 'runs' with Go and set RUNS_BINARY")
    return system, machine


def program(target: tuple[str, str], folder: str) -> str:
    """Build `runs` for a platform into folder and return its path.

    Raises SystemExit with a next step where Go or the Go sources are missing.
    """
    system, machine = target
    path = os.path.join(folder, "runs.exe" if system == "windows" else "runs")
    if not os.path.isfile(os.path.join(ROOT, "go.mod")):
        raise SystemExit("gitruns: the Go sources are not beside this folder; install from a clone, or a wheel")
    go = shutil.which("go")
    if go is None:
        raise SystemExit("gitruns: building the program 'runs' needs Go (https://go.dev/dl); or install a wheel")
    env = {**os.environ, "GOOS": system, "GOARCH": machine, "CGO_ENABLED": "0"}
    done = subprocess.run([go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "./cmd/runs"], cwd=ROOT, env=env, check=False)
    if done.returncode != 0:
        raise SystemExit(f"gitruns: 'go build ./cmd/runs' for {system}/{machine} ended with {done.returncode}")
    return path


def _metadata() -> bytes:
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as f:
        readme = f.read()
    head = [
        "Metadata-Version: 2.4", f"Name: {NAME}", f"Version: {version()}",
        "Summary: Record machine-learning experiments in git, as files, with no server",
        "License-Expression: Apache-2.0", "License-File: LICENSE", "Requires-Python: >=3.9", "Keywords: machine learning,experiment tracking,git,wandb,mlflow",
        "Classifier: Development Status :: 4 - Beta", "Classifier: Intended Audience :: Science/Research", "Classifier: Programming Language :: Python :: 3",
        "Classifier: Topic :: Scientific/Engineering :: Artificial Intelligence", "Classifier: Typing :: Typed", "Description-Content-Type: text/markdown",
    ]  # fmt: skip
    return ("\n".join(head) + "\n\n" + readme).encode()


def _wheel(tag: str) -> bytes:
    tags = [f"Tag: py3-none-{t}" for t in tag.split(".")]
    return ("\n".join(["Wheel-Version: 1.0", f"Generator: gitruns {version()}", "Root-Is-Purelib: false", *tags]) + "\n").encode()


def _sources() -> list[tuple[str, bytes]]:
    out = []
    top = os.path.join(HERE, "src")
    for folder, folders, files in os.walk(os.path.join(top, NAME)):
        folders[:] = sorted(d for d in folders if d != "__pycache__" and not (d == "_bin" and folder == os.path.join(top, NAME)))
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
    """Build the wheel of a platform into folder; its file name."""
    import tempfile

    tag = PLATFORMS[target]
    base = f"{NAME}-{version()}"
    info = f"{base}.dist-info"
    files = [(n, d, 0o644) for n, d in _sources()]
    with tempfile.TemporaryDirectory() as scratch:
        path = program(target, scratch)
        with open(path, "rb") as f:
            files.append((f"{base}.data/scripts/{os.path.basename(path)}", f.read(), 0o755))
    files += [(n, d, 0o644) for n, d in _license()]
    files += [(f"{info}/METADATA", _metadata(), 0o644), (f"{info}/WHEEL", _wheel(tag), 0o644)]
    name = f"{base}-py3-none-{tag}.whl"
    os.makedirs(folder, exist_ok=True)
    _write(os.path.join(folder, name), files, info)
    return name


# The hooks of PEP 517 and 660.


def get_requires_for_build_wheel(config_settings: object = None) -> list:
    return []


get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    return wheel(wheel_directory, host())


def build_editable(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """A wheel that points to src; the program is built into the package's _bin, or found: RUNS_BINARY, the PATH."""
    target = host()
    tag = PLATFORMS[target]
    base = f"{NAME}-{version()}"
    info = f"{base}.dist-info"
    name = "runs.exe" if target[0] == "windows" else "runs"
    if shutil.which("go") is not None and os.path.isfile(os.path.join(ROOT, "go.mod")):
        folder = os.path.join(HERE, "src", NAME, "_bin")
        os.makedirs(folder, exist_ok=True)
        path = program(target, folder)
    else:
        path = os.environ.get("RUNS_BINARY") or shutil.which("runs") or ""
        if not path:
            raise SystemExit("gitruns: neither Go nor a program 'runs' is found; install Go (https://go.dev/dl), or set RUNS_BINARY to a built 'runs'")
    with open(path, "rb") as f:
        script = f.read()
    files = [
        (f"__editable__.{NAME}.pth", os.path.join(HERE, "src").encode() + b"\n", 0o644),
        (f"{base}.data/scripts/{name}", script, 0o755),
        *[(n, d, 0o644) for n, d in _license()],
        (f"{info}/METADATA", _metadata(), 0o644),
        (f"{info}/WHEEL", _wheel(tag), 0o644),
    ]
    file = f"{base}-py3-none-{tag}.whl"
    _write(os.path.join(wheel_directory, file), files, info)
    return file


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    """The Python sources. Building them needs the Go sources of a clone beside them: a wheel is what to install."""
    base = f"{NAME}-{version()}"
    path = os.path.join(sdist_directory, base + ".tar.gz")
    names = [("pyproject.toml", os.path.join(HERE, "pyproject.toml")), ("README.md", os.path.join(HERE, "README.md")), ("backend/gitruns_build.py", os.path.abspath(__file__)), ("LICENSE", os.path.join(ROOT, "LICENSE"))]
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as t:
        import io

        entries = [(n, open(p, "rb").read()) for n, p in names if os.path.isfile(p)] + [("src/" + n, d) for n, d in _sources()] + [("PKG-INFO", _metadata())]
        for name, data in entries:
            entry = tarfile.TarInfo(f"{base}/{name}")
            entry.size = len(data)
            entry.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))
            t.addfile(entry, io.BytesIO(data))
    return os.path.basename(path)
