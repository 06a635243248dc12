"""Builds wheels of gitruns, with the standard library alone: PEP 517 and PEP 660.

A wheel holds the Python client and, as a script, the program `runs` of one platform, compiled with Go. What is built is
the same byte for byte where Go, zlib and the sources are the same: times are SOURCE_DATE_EPOCH, names are sorted.
"""

from __future__ import annotations

import ast
import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # python/, or the sdist's folder

# The tags of each platform. A program without C needs no libc; Go 1.26 needs macOS 12.
PLATFORMS = {
    ("linux", "amd64"): "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    ("linux", "arm64"): "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    ("darwin", "amd64"): "macosx_12_0_x86_64",
    ("darwin", "arm64"): "macosx_12_0_arm64",
    ("windows", "amd64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
}

# What of the Go module a source distribution takes along.
GO_SOURCES = ("go.mod", "go.sum", "cmd/runs", "cmd/internal", "diff", "format", "repo", "python/embed.go", "python/src")


class BuildError(Exception):
    """The wheel cannot be built; the text says what to do."""


def version() -> str:
    """The version, from src/gitruns/_version.py; a Go test compares it with that of the program."""
    with open(os.path.join(HERE, "src", "gitruns", "_version.py"), encoding="utf-8") as f:
        found = re.search(r'^__version__ = "([^"]+)"$', f.read(), re.M)
    if not found:
        raise BuildError("src/gitruns/_version.py names no version")
    return found.group(1)


def project() -> dict:
    """The table [project] of pyproject.toml, and its urls."""
    table: dict = {}
    section = ""
    with open(os.path.join(HERE, "pyproject.toml"), encoding="utf-8") as f:
        for line in f:
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif section in ("project", "project.urls") and "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                where = table if section == "project" else table.setdefault("urls", {})
                where[key.strip()] = ast.literal_eval(value.strip())
    return table


def host() -> tuple[str, str]:
    """The platform that this Python runs on, in Go's words."""
    system = {"win32": "windows", "darwin": "darwin"}.get(sys.platform, "linux" if sys.platform.startswith("linux") else sys.platform)
    name = sysconfig.get_platform().replace("-", "_").rpartition("_")[2].lower() if sys.platform == "win32" else os.uname().machine.lower()
    return system, {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(name, name)


def module_root() -> str | None:
    """The folder of the Go module: that of the checkout, or the one that the sdist has; None without."""
    for folder in (os.path.join(HERE, "go"), os.path.dirname(HERE)):
        if os.path.isfile(os.path.join(folder, "go.mod")) and os.path.isdir(os.path.join(folder, "cmd", "runs")):
            return folder
    return None


def compile_runs(out: str, system: str, machine: str) -> str:
    """Compile `runs` for a platform into the folder out; the program's path. Raises BuildError."""
    root = module_root()
    go = shutil.which("go")
    if root is None:
        raise BuildError("the Go sources of 'runs' are not here: install from a checkout, or set RUNS_BINARY to a built 'runs'")
    if go is None:
        raise BuildError("building 'runs' needs Go: install it (https://go.dev/dl), or set RUNS_BINARY to a built 'runs'")
    program = os.path.join(out, "runs.exe" if system == "windows" else "runs")
    env = {**os.environ, "GOOS": system, "GOARCH": machine, "CGO_ENABLED": "0"}
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/runs"]
    if subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode if shutil.which("git") else True:
        command.insert(2, "-buildvcs=false")  # git's refusal of a foreign checkout would end the build
    done = subprocess.run(command, cwd=root, env=env, check=False)
    if done.returncode:
        raise BuildError(f"go build ended with status {done.returncode}, see above")
    return program


def given_binary() -> str | None:
    """The program that RUNS_BINARY names, checked to be of this version; None where it is not set."""
    path = os.environ.get("RUNS_BINARY")
    if not path:
        return None
    try:
        said = subprocess.run([path, "version", "--json"], stdout=subprocess.PIPE, check=True).stdout.decode()
        import json

        found = json.loads(said)["version"]
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError) as e:
        raise BuildError(f"RUNS_BINARY names {path}, which is no 'runs': {e}") from e
    if found != version():
        raise BuildError(f"{path} is version {found}, this client {version()}: build both from the same sources")
    return path


def metadata() -> str:
    """The METADATA file."""
    p = project()
    lines = ["Metadata-Version: 2.4", f"Name: {p['name']}", f"Version: {version()}", f"Summary: {p['description']}"]
    lines += [f"Keywords: {','.join(p['keywords'])}", f"License-Expression: {p['license']}", "License-File: LICENSE", f"Requires-Python: {p['requires-python']}"]
    lines += [f"Project-URL: {name}, {url}" for name, url in p["urls"].items()]
    lines += [f"Classifier: {c}" for c in p["classifiers"]]
    with open(os.path.join(HERE, p["readme"]), encoding="utf-8") as f:
        return "\n".join([*lines, "Description-Content-Type: text/markdown", "", f.read()])


def license_text() -> bytes:
    for folder in (HERE, os.path.dirname(HERE)):
        path = os.path.join(folder, "LICENSE")
        if os.path.isfile(path):
            with open(path, "rb") as f:
                return f.read()
    raise BuildError("the file LICENSE is not here")


def epoch() -> int:
    """The time of every file, in seconds: SOURCE_DATE_EPOCH, at least the first that a zip file can say."""
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), 315532800)


def source_files(folder: str, prefix: str) -> dict[str, str]:
    """The files below a folder by their name in an archive, without what tools leave there."""
    found = {}
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(d for d in folders if d not in ("__pycache__", "_bin") and not d.endswith(".egg-info"))
        for name in names:
            if not name.endswith((".pyc", ".pyo")):
                path = os.path.join(at, name)
                found[prefix + os.path.relpath(path, folder).replace(os.sep, "/")] = path
    return found


def dist_info(tag: str) -> dict[str, bytes]:
    folder = f"gitruns-{version()}.dist-info/"
    wheel = "Wheel-Version: 1.0\nGenerator: gitruns_build\nRoot-Is-Purelib: false\n" + "".join(f"Tag: py3-none-{t}\n" for t in tag.split("."))
    return {folder + "METADATA": metadata().encode(), folder + "WHEEL": wheel.encode(), folder + "licenses/LICENSE": license_text()}


def write_wheel(directory: str, tag: str, files: dict[str, bytes], program: str | None) -> str:
    """Write a wheel of files by name, the program as a script, and the metadata; the wheel's name."""
    v = version()
    files = {**files, **dist_info(tag)}
    scripts = set()
    if program is not None:
        name = f"gitruns-{v}.data/scripts/" + ("runs.exe" if program.endswith(".exe") else "runs")
        with open(program, "rb") as f:
            files[name] = f.read()
        scripts.add(name)
    record_name = f"gitruns-{v}.dist-info/RECORD"
    record = []
    wheel = f"gitruns-{v}-py3-none-{tag}.whl"
    os.makedirs(directory, exist_ok=True)
    # The metadata comes last in the archive, as the specification asks.
    names = sorted(files, key=lambda n: (".dist-info/" in n.split("gitruns/_shim/")[0] and n.startswith("gitruns-"), n))
    when = time.gmtime(epoch())[:6]
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as out:
        try:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

                def add(name: str, data: bytes) -> None:
                    info = zipfile.ZipInfo(name, when)
                    info.create_system = 3
                    info.external_attr = (0o100755 if name in scripts else 0o100644) << 16
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, data)

                for name in names:
                    digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
                    record.append(f"{name},sha256={digest},{len(files[name])}\n")
                    add(name, files[name])
                add(record_name, ("".join(record) + f"{record_name},,\n").encode())
        except BaseException:
            out.close()
            os.unlink(out.name)
            raise
    os.chmod(out.name, 0o644)
    os.replace(out.name, os.path.join(directory, wheel))
    return wheel


def wheel_for(directory: str, system: str, machine: str) -> str:
    """Compile for a platform and write its wheel; the wheel's name."""
    tag = PLATFORMS.get((system, machine))
    if tag is None:
        raise BuildError(f"there is no wheel for {system}/{machine}: build 'runs' with Go, put it on the PATH, and put python/src on PYTHONPATH")
    files = {}
    for name, path in source_files(os.path.join(HERE, "src"), "").items():
        with open(path, "rb") as f:
            files[name] = f.read()
    with tempfile.TemporaryDirectory() as out:
        program = given_binary() if (system, machine) == host() else None
        return write_wheel(directory, tag, files, program or compile_runs(out, system, machine))


def build_wheel(wheel_directory: str, config_settings: dict | None = None, metadata_directory: str | None = None) -> str:
    """PEP 517: the wheel of this platform, or of GOOS and GOARCH where they are set."""
    system, machine = host()
    return wheel_for(wheel_directory, os.environ.get("GOOS") or system, os.environ.get("GOARCH") or machine)


def build_editable(wheel_directory: str, config_settings: dict | None = None, metadata_directory: str | None = None) -> str:
    """PEP 660: the sources stay where they are. The program is compiled, or found on the PATH where Go is not there."""
    system, machine = host()
    tag = PLATFORMS.get((system, machine))
    if tag is None:
        tag = re.sub(r"[^a-z0-9]", "_", sysconfig.get_platform().lower())
    files = {"gitruns.pth": (os.path.join(HERE, "src") + "\n").encode()}
    with tempfile.TemporaryDirectory() as out:
        program = given_binary()
        if program is None:
            try:
                program = compile_runs(out, system, machine)
            except BuildError:
                if not shutil.which("runs"):
                    raise
        return write_wheel(wheel_directory, tag, files, program)


def build_sdist(sdist_directory: str, config_settings: dict | None = None) -> str:
    """PEP 517: the sources of the client and of the program; a wheel of them needs Go."""
    v = version()
    root = module_root()
    if root is None:
        raise BuildError("a source distribution needs the Go sources of 'runs': build it in a checkout")
    base = f"gitruns-{v}/"
    files: dict[str, bytes] = {base + "PKG-INFO": metadata().encode(), base + "LICENSE": license_text()}
    paths = {base + n: os.path.join(HERE, n) for n in ("pyproject.toml", "README.md")}
    for folder in ("src", "backend"):
        paths.update(source_files(os.path.join(HERE, folder), f"{base}{folder}/"))
    for name in GO_SOURCES:
        path = os.path.join(root, *name.split("/"))
        found = source_files(path, f"{base}go/{name}/") if os.path.isdir(path) else {f"{base}go/{name}": path}
        paths.update({n: p for n, p in found.items() if not n.endswith("_test.go") and "/testdata/" not in n})
    for name, path in paths.items():
        with open(path, "rb") as f:
            files[name] = f.read()
    os.makedirs(sdist_directory, exist_ok=True)
    name = f"gitruns-{v}.tar.gz"
    with open(os.path.join(sdist_directory, name), "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch()) as zipped, tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in sorted(files):
            info = tarfile.TarInfo(member)
            info.size, info.mtime, info.mode = len(files[member]), epoch(), 0o644
            archive.addfile(info, io.BytesIO(files[member]))
    return name
