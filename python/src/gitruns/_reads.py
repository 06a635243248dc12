"""Notices the files that this process opens, for the record of its run.

`runs exec` brings this file into every Python process as gitruns_reads, and `import gitruns` installs it, to know at
init() what was read before. It needs nothing else of the package, and imports only what every Python has loaded. An
audit hook appends each path once to a file of this process in the run's folder. At the end, `runs` decides what of it
is data.

A file has the records KIND PATH NUL. KIND is R (read), W (written), C (made), D (removed), S (a database that may be
read or written), L (a folder that was listed), P (a program or module that reads files unseen), N (how many files must
not be named, as a number), O (how many are in places that are never named), I (a module that was imported from an
installed package, at the end), M (a module that writes files unseen) or F (the inode, the time in nanoseconds and the
size of the file of the record before it when it was opened, as numbers). The first record is H, or X if some of what
was read is missing. Names that may be those of keys, hidden files and the folders of the system are never written.
"""

from __future__ import annotations

import os
import sys
from time import monotonic, time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

FOLDER = "RUNS_READS"  # the folder for the files of the processes
ROOT = "RUNS_READS_ROOT"  # the root of the project
BEGAN = "RUNS_READS_BEGAN"  # when the first watched process of the run began, in seconds of the Unix time
WATCHED = "RUNS_READS_WATCHED"  # the folder for which `runs exec` itself sees what is opened
_MAX_PATHS = 500_000  # of one process
_AT_ONCE = 1000  # so many paths are written at once, later ones in groups
_GROUP = 64
_PERIOD = 0.02  # seconds that a path waits for others
_MAX_FILES = 2000  # of all processes of a run
_EBADF = 9

# As in privacy.go and writer.go of repo/reads.
_SYSTEM = (
    "/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/nix/", "/opt/", "/proc/", "/run/",
    "/sbin/", "/snap/", "/sys/", "/usr/", "/var/", "/System/", "/Library/", "/Applications/",
)  # fmt: skip
# Of these, folders that may hold data, which is never named.
_PLACES = ("/opt/", "/run/", "/usr/local/", "/var/")
# Beginnings of what is in _PLACES and is not data.
_STATE = (
    "/run/NetworkManager/", "/run/blkid/", "/run/booted-system", "/run/cloud-init/", "/run/current-system",
    "/run/dbus/", "/run/host/", "/run/log/", "/run/mount/", "/run/nscd/", "/run/opengl-driver", "/run/resolvconf/",
    "/run/snapd/", "/run/sssd/", "/run/systemd/", "/run/udev/", "/run/user/", "/run/wrappers/",
    "/usr/local/Caskroom/", "/usr/local/Cellar/", "/usr/local/Frameworks/", "/usr/local/Homebrew/",
    "/usr/local/bin/", "/usr/local/cuda", "/usr/local/etc/", "/usr/local/games/", "/usr/local/go/",
    "/usr/local/include/", "/usr/local/lib", "/usr/local/man/", "/usr/local/opt/", "/usr/local/sbin/",
    "/usr/local/src/", "/usr/local/var/", "/usr/local/share/X11/", "/usr/local/share/aclocal/",
    "/usr/local/share/applications/", "/usr/local/share/bash", "/usr/local/share/ca-certificates/",
    "/usr/local/share/doc/", "/usr/local/share/emacs/", "/usr/local/share/fontconfig/", "/usr/local/share/fonts/",
    "/usr/local/share/git-core/", "/usr/local/share/glib-2.0/", "/usr/local/share/icons/", "/usr/local/share/info/",
    "/usr/local/share/jupyter/", "/usr/local/share/locale/", "/usr/local/share/man/", "/usr/local/share/mime/",
    "/usr/local/share/nvim/", "/usr/local/share/perl", "/usr/local/share/pixmaps/", "/usr/local/share/pkgconfig/",
    "/usr/local/share/sgml/", "/usr/local/share/terminfo/", "/usr/local/share/texmf/", "/usr/local/share/themes/",
    "/usr/local/share/vim/", "/usr/local/share/xml/", "/usr/local/share/zoneinfo/", "/usr/local/share/zsh/",
    "/var/cache/", "/var/db/", "/var/folders/", "/var/select/", "/var/lib/AccountsService/",
    "/var/lib/NetworkManager/", "/var/lib/PackageKit/", "/var/lib/alternatives/", "/var/lib/app-info/",
    "/var/lib/apt/", "/var/lib/binfmts/", "/var/lib/ca-certificates/", "/var/lib/colord/", "/var/lib/dbus/",
    "/var/lib/dictionaries-common/", "/var/lib/dkms/", "/var/lib/dpkg/", "/var/lib/extrausers/",
    "/var/lib/flatpak/", "/var/lib/fontconfig/", "/var/lib/gems/", "/var/lib/ghostscript/", "/var/lib/locales/",
    "/var/lib/man-db/", "/var/lib/nscd/", "/var/lib/pam/", "/var/lib/pcp/", "/var/lib/plocate/",
    "/var/lib/polkit-1/", "/var/lib/python/", "/var/lib/rpm/", "/var/lib/snapd/", "/var/lib/sss/", "/var/lib/sudo/",
    "/var/lib/swcatalog/", "/var/lib/systemd/", "/var/lib/texmf/", "/var/lib/ucf/", "/var/lib/upower/",
    "/var/lib/usbutils/", "/var/lib/xfonts/", "/var/lib/xkb/",
)  # fmt: skip
# Hidden files that programs look for in every folder.
_SETTINGS = (
    ".DS_Store", ".directory", ".editorconfig", ".node-version", ".npmrc", ".nvmrc", ".python-version",
    ".ruby-version", ".tool-versions", ".yarnrc",
)  # fmt: skip
# Endings of files that are hardly ever settings or caches of a program.
_DATA = (
    ".arrow", ".caffemodel", ".ckpt", ".csv", ".feather", ".fits", ".flac", ".gguf", ".h5", ".hdf5", ".joblib",
    ".jsonl", ".mat", ".mp3", ".nc", ".nii", ".npy", ".npz", ".onnx", ".parquet", ".pickle", ".pkl", ".pt", ".pth",
    ".safetensors", ".tflite", ".tfrecord", ".tif", ".tiff", ".tsv", ".wav",
)  # fmt: skip
_DESCRIPTORS = ("/dev/fd", "/proc/self/fd")
_STAGING = "/dev/shm/"  # where data is as in any other folder
# Folders of packages, and what tools write for themselves.
_FOLDERS = ("/site-packages/", "/dist-packages/", "/__pycache__/", "/node_modules/")
_CACHED = os.sep + "__pycache__"
_OWN_PACKAGE = os.sep + "gitruns" + os.sep
_CODE = (".py", ".pyc", ".pyo", ".pyi", ".so", ".pyd", ".dll", ".dylib", ".pth")
_IMPORTERS = ("<frozen ", "linecache.py", "tokenize.py", "inspect.py", "runpy.py", "pkgutil.py", "zipimport.py")
# Hidden folders of hubs, whose names tell the repository and the revision.
_HUBS = (
    "/.cache/huggingface/hub/", "/.cache/huggingface/datasets/", "/.cache/torch/hub/", "/.keras/datasets/",
    "/.keras/models/",
)  # fmt: skip
# Hidden folders of a project with data, to which links lead.
_CACHES = ("/.dvc/cache/", "/.git/annex/objects/")
# Hidden folders of a project that Git and runs keep.
_OWN = ("/.git/", "/.runs/")
# Hidden folders of a project that tools use for themselves.
_TOOLS = (
    "/.venv/", "/.cache/", "/.ipynb_checkpoints/", "/.pytest_cache/", "/.mypy_cache/",
    "/.ruff_cache/", "/.idea/", "/.vscode/", "/.tox/", "/.nox/", "/.hydra/", "/.dvc/",
)  # fmt: skip
# As in privacy.go of repo/reads, which decides again.
_SECRET = (
    "secret", "cred", "passw", "passphrase", "apikey", "api_key", "api-key", "accesskey", "access_key", "privatekey",
    "private_key", "htpasswd", "pgpass", "kubeconfig", "netrc", "keystore", "id_rsa", "id_dsa", "id_ecdsa",
    "id_ed25519", "authorized_keys", "known_hosts", "service-account", "service_account", "serviceaccount", "webhook",
    "bearer", "local_settings", "vault",
)  # fmt: skip
_PARTS = frozenset(
    ("pw", "pwd", "pass", "pat", "key", "keys", "jwt", "private", "ssh", "otp", "env", "gcp", "oauth")
)  # fmt: skip
_WEAK_PARTS = frozenset(("auth", "session", "cookie", "cookies", "login", "logins", "wallet", "pin"))
_SETTING_ENDINGS = frozenset(
    ("", "json", "txt", "yaml", "yml", "toml", "ini", "cfg", "conf", "dat", "db", "sqlite", "sh", "xml", "properties")
)
_SECRET_ENDINGS = frozenset(
    ("pem", "key", "p8", "pkcs8", "p12", "pkcs12", "pfx", "jks", "jceks", "kdbx", "asc", "gpg", "pgp", "ppk", "keytab",
     "ovpn", "env", "rdp", "tfstate", "tfvars")
)  # fmt: skip
# Tokens of a text, not of an account.
_TOKENS = frozenset(
    ("bin", "npy", "npz", "pt", "pth", "parquet", "arrow", "h5", "hdf5", "dat", "idx", "tar", "zst", "mmap")
)
_TOKEN_NAMES = ("special_tokens_map.json", "added_tokens.json")
_NO, _YES, _WITHHELD, _LEFT, _OF_USER = 0, 1, 2, 3, 4
# Modules that open files themselves, unseen.
_NATIVE = frozenset(
    ("pyarrow.parquet", "pyarrow.dataset", "pyarrow.csv", "pyarrow.feather", "pyarrow.orc", "polars", "h5py", "cv2",
     "netCDF4", "tables", "duckdb", "rasterio", "fiona", "osgeo", "torchaudio", "torchcodec", "lmdb", "soundfile", "av",
     "decord", "safetensors", "tensorflow", "pyreadr", "pyreadstat", "pysam", "SimpleITK", "openslide")
)  # fmt: skip
# Modules that write files themselves, unseen. Which endings these have is in repo/noticed_made.go.
_WRITERS = frozenset(
    ("torch", "torchaudio", "torchvision", "tensorflow", "safetensors", "tokenizers", "sentencepiece", "xgboost",
     "lightgbm", "catboost", "pyarrow", "polars", "duckdb", "h5py", "tables", "netCDF4", "cv2", "av", "decord",
     "torchcodec", "soundfile", "rasterio", "fiona", "osgeo", "lmdb", "pyreadr", "pyreadstat", "pysam", "SimpleITK",
     "openslide", "faiss", "fasttext", "vtk", "open3d", "lxml", "tensorstore", "onnxruntime", "zmq", "ROOT",
     "_dbm", "_gdbm")
)  # fmt: skip
# Programs that read no data of a training.
_HARMLESS = frozenset(
    ("git", "nvidia-smi", "rocm-smi", "uname", "lscpu", "ldconfig", "hostname", "lsb_release", "which", "gcc", "cc",
     "c++", "g++", "clang", "ld", "ninja", "objdump", "nvcc", "runs", "fc-list", "fc-match", "gitruns", "tty",
     "stty", "sysctl", "sw_vers", "true")
)  # fmt: skip
_DIGITS = {ord(digit): "0" for digit in "123456789"}
# What in a group of names makes it necessary to look at each of them: a part of each name that _secret reports, with 0
# for each digit.
_SUSPECT = (
    "secr", "cred", "pass", "key", "token", "kube", "netrc", "id_", "known_h", ".pem\0", ".p0\0", ".p00\0", ".pkcs",
    ".pfx\0", ".jks\0", ".jceks\0", ".kdbx\0", ".asc\0", ".gpg\0", ".pgp\0", ".ppk\0", ".ovpn\0", "env", ".rdp\0",
    "auth", "\0.", "pw", "pat", "jwt", "private", "ssh", "otp", "gcp", "sess", "cook", "login", "wallet", "pin",
    "service", "webhook", "bearer", "local_s", "vault", ".tf",
)  # fmt: skip

_state: Any = None  # of this process, see _State


class _State:
    """What one process has noticed, and where it writes that."""

    def __init__(self, folder: str, root: str) -> None:
        self.folder = folder
        self.root = root
        self.read: set[Any] = set()
        self.wrote: set[Any] = set()
        self.verdicts: dict[str, int] = {}
        self.raw: list[str] = []  # paths that were read, as the program named them
        self.pending: list[bytes] = []
        self.fd = -1
        self.file: tuple[int, int] | None = None
        self.cwd: str | None = None
        self.unseen: set[str] = set()
        self.written = 0
        self.withheld = 0
        self.left = 0
        self.born = _began()
        self.opened = 0  # how many files this process has begun
        self.last = 0.0
        self.busy = False  # opens files itself
        self.dead = False  # writes nothing any more
        self.full = False
        self.hooked = False
        self.around, self.temporary = _temporary(root)
        self.packages = _packages(root)
        self.editable: tuple[str, ...] | None = None  # folders of editable packages; None if not known yet
        self.search: list[tuple[str, bool, bool]] = []
        self.search_of: list[str] = []
        home = os.path.expanduser("~")
        self.homes = (os.path.join(home, ""), os.path.join(os.path.realpath(home), ""))


def _began() -> float:
    """Return when the run began.

    What is newer was made by it, maybe by a process that has started this one.
    """
    now = time()
    try:
        began = float(os.environ.get(BEGAN, ""))
    except ValueError:
        return now
    return began if began < now else now


def _temporary(root: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the temporary folders that hold the project, and the others."""
    folders = {"/tmp/", "/private/tmp/"}
    for name in ("TMPDIR", "TEMP", "TMP"):
        if os.environ.get(name):
            folders.add(os.path.join(os.path.realpath(os.environ[name]), ""))
    around = {f for f in folders if root and (root + os.sep).startswith(f)}
    return tuple(around), tuple(folders - around)


def _packages(root: str) -> tuple[str, ...]:
    """Return the folders of the interpreter."""
    folders = {os.path.dirname(os.__file__)}
    folders.add(os.path.dirname(os.path.abspath(__file__)))
    for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
        folders |= {prefix, os.path.realpath(prefix)}
    found = set()
    for folder in folders:
        below = os.path.join(folder, "")
        inside = bool(root) and below.startswith(root + os.sep)
        around = any((p + os.sep).startswith(below) for p in (root, os.getcwd(), os.path.expanduser("~")) if p)
        if not around and (not inside or folder in (sys.prefix, sys.exec_prefix)):
            found.add(below)
    return tuple(found)


def _search(state: _State) -> list[tuple[str, bool, bool]]:
    """Return the folders in which modules are searched.

    Each with a slash at its end, whether it is outside the project, and whether an installer has put packages there.
    That of the program and those around the project are left out.
    """
    if state.search_of != sys.path:
        state.search_of = sys.path[:]
        main = os.path.dirname(os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or "x"))
        state.search = []
        for entry in sys.path:
            path = os.path.join(os.path.abspath(entry), "") if isinstance(entry, str) and entry else ""
            if not path or (state.root + os.sep).startswith(path) or path == os.path.join(main, ""):
                continue
            busy, state.busy = state.busy, True
            try:
                installed = any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(path))
            except OSError:
                continue
            finally:
                state.busy = busy
            state.search.append((path, not path.startswith(state.root + os.sep), installed))
    return state.search


def _of_package(state: _State, below: str) -> bool:
    """Report whether a folder is of an imported package, and not data beside it.

    In the project, only packages that an installer has put there count: others are its source.
    """
    for path, outside, installed in _search(state):
        if below.startswith(path) and len(below) > len(path):
            top = below[len(path) :].partition(os.sep)[0]
            if top.endswith((".dist-info", ".egg-info", ".data")):
                return True
            of_installer = installed or outside and below.startswith(_editable(state))
            if of_installer and hasattr(sys.modules.get(top), "__path__"):
                return True
    return False


def _editable(state: _State) -> tuple[str, ...]:
    """Return the folders of the editable packages."""
    if state.editable is not None:
        return state.editable
    busy, state.busy = state.busy, True
    found: tuple[str, ...] = ()
    state.editable = found
    try:
        for entry in sys.path:
            if not isinstance(entry, str) or not entry.endswith(("site-packages", "dist-packages")):
                continue
            for name in os.listdir(entry):
                origin = os.path.join(entry, name, "direct_url.json")
                if not name.endswith(".dist-info") or not os.path.exists(origin):
                    continue
                with open(origin, encoding="utf-8") as f:
                    text = f.read(10_000)
                if '"editable":true' in text.replace(" ", "") and '"file://' in text:
                    from urllib.parse import unquote

                    folder = unquote(text.partition('"file://')[2].partition('"')[0])
                    found += (os.path.join(os.path.realpath(folder), ""), os.path.join(folder, ""))
    except (OSError, ValueError):
        pass
    finally:
        state.busy = busy
    state.editable = found
    return found


def _is_installed(state: _State, folder: str) -> bool:
    """Report whether the environment records code in a folder, or it is ours."""
    below = folder + os.sep
    return (
        below.startswith(_editable(state))
        or any(outside and installed and below.startswith(path) for path, outside, installed in _search(state))
        or _OWN_PACKAGE in below
        and os.path.exists(below[: below.index(_OWN_PACKAGE)] + _OWN_PACKAGE + "_reads.py")
    )


def install() -> None:
    """Install the hook.

    It writes to the folder of the environment, or remembers what is read until follow() is called. A process has one
    hook, also if exec has brought in a copy of this file.
    """
    global _state
    if os.environ.get("RUNS_MODE") == "disabled":
        return
    folder, root = os.environ.get(FOLDER, ""), os.environ.get(ROOT, "")
    known = getattr(sys, "_gitruns_reads", None)
    if known is not None:
        if folder:
            known(folder, root)
        return
    state = _state = _State(folder, root)
    sys._gitruns_reads = _redirect  # type: ignore[attr-defined]
    if folder:
        _begin(state)
        _tell_unseen(state)
    _watch(state)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _restart(state))
    import atexit

    atexit.register(lambda: _end(state))


def _end(state: _State) -> None:
    """Write what is left for the run, and which packages were imported."""
    _flush_raw(state)
    if not state.folder or state.dead:
        return
    _tell_mapped(state)
    _tell_used(state)
    found = set()
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        try:
            path = vars(module).get("__file__")
        except TypeError:  # something else stands for a module
            continue
        if (
            top not in found
            and top[:1] != "_"
            and isinstance(path, str)
            and ("site-packages" in path or "dist-packages" in path)
        ):
            found.add(top)
            state.pending.append(b"I" + os.fsencode(top) + b"\0")
    if found:
        _flush(state)


def _tell_used(state: _State) -> None:
    """Note that the program itself uses Arrow, which can map files."""
    if "pyarrow" not in sys.modules or "pyarrow" in state.unseen:
        return
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        path = names.get("__file__")
        own = names.get("__name__") == "__main__" or isinstance(path, str) and path.startswith(state.root + os.sep)
        if own and any(_is_arrow(value) for value in list(names.values())):
            _unseen(state, "pyarrow")
            return


def _is_arrow(value: object) -> bool:
    return value.__class__ is sys.__class__ and getattr(value, "__name__", "").partition(".")[0] == "pyarrow"


def _tell_mapped(state: _State) -> None:
    """Note files that native code still has mapped or open, as Arrow does.

    Only Linux tells them.
    """
    if not sys.platform.startswith("linux"):
        return
    busy, state.busy = state.busy, True
    try:
        paths = set()
        with open("/proc/self/maps") as maps:
            for line in maps.readlines()[:10_000]:
                words = line.rstrip("\n").split(None, 5)
                if len(words) == 6 and words[1][1] != "w" and words[5].startswith("/"):
                    paths.add(words[5])
        for fd in os.listdir("/proc/self/fd")[:1000]:
            try:
                with open("/proc/self/fdinfo/" + fd) as info:
                    flags = [line.split()[1] for line in info if line.startswith("flags:")]
                if int(flags[0], 8) & 3 == 0 and fd != "0":
                    paths.add(os.readlink("/proc/self/fd/" + fd))
            except (OSError, IndexError, ValueError):
                continue
    except (OSError, ValueError):
        return
    finally:
        state.busy = busy
    for path in paths - state.read:
        if path.startswith("/") and not path.endswith((" (deleted)", *_CODE)) and os.path.isfile(path):
            state.read.add(path)
            full = _wanted(state, path)
            if full is not None and full not in state.wrote:
                state.pending.append(b"R" + os.fsencode(full) + b"\0")
    _flush(state)


def _stamp(path: str) -> bytes:
    """Return the record of the state of a file that is about to be opened."""
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return b""
    if info.st_mode & 0o170000 != 0o100000:
        return b""
    return b"F%d %d %d\0" % (info.st_ino, info.st_mtime_ns, info.st_size)


def _watch(state: _State) -> None:
    """Install the audit hook, unless somebody else sees what is opened."""
    if not state.hooked and (not state.folder or state.folder != os.environ.get(WATCHED)):
        state.hooked = True
        sys.addaudithook(_hook_of(state))


def follow(folder: str, root: str) -> tuple[str, str]:
    """Write what is read to a folder, here and in processes that this one starts.

    What the process has read before counts. Returns the folder and the root of before.
    """
    before = os.environ.get(FOLDER, ""), os.environ.get(ROOT, "")
    os.environ[FOLDER], os.environ[ROOT] = folder, root
    install()
    os.environ.setdefault(BEGAN, repr(_state.born if _state else time()))
    return before


def tell(folder: str, root: str) -> None:
    """Write what is known so far, after follow() of the same folder."""
    if known := getattr(sys, "_gitruns_reads", None):
        known(folder, root)


def leave(folder: str, before: tuple[str, str]) -> None:
    """End follow(), which has returned before.

    The process writes for the run of that time again, if it goes on.
    """
    if os.environ.get(FOLDER) != folder:
        return
    if before[0] and os.path.isdir(before[0]):
        follow(*before)
        return
    os.environ.pop(FOLDER, None)
    os.environ.pop(ROOT, None)
    os.environ.pop(BEGAN, None)
    if known := getattr(sys, "_gitruns_reads", None):
        known("", "")


def _redirect(folder: str, root: str) -> None:
    """Write for another run, first what the process has read so far."""
    state = _state
    if state is None:
        return
    _end(state)
    if folder == state.folder:
        return
    state.verdicts.clear()
    state.folder, state.root = folder, root
    state.around, state.temporary = _temporary(root)
    state.packages, state.search_of, state.editable = _packages(root), [], None
    state.wrote.clear()  # the record of the run does not have it
    _restart(state)
    if not folder:
        return
    _watch(state)
    _begin(state)
    _tell_unseen(state)
    for path in list(state.read):
        if isinstance(path, (str, bytes)):
            full = _wanted(state, os.fsdecode(path))
            if full is not None:
                state.pending.append(b"R" + os.fsencode(full) + b"\0")
                state.written += 1
    for module in list(sys.modules.values()):
        path = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(path, str) and not path.startswith(state.packages) and _FOLDERS[0] not in path:
            _run(state, path)
    _flush(state)
    if state.full:
        _spoil(state)


def _restart(state: _State) -> None:
    """Forget the file of another process or run. The next record begins a file."""
    state.raw.clear()
    state.fd, state.file, state.pending, state.written, state.withheld, state.left = -1, None, [], 0, 0, 0
    state.opened, state.busy, state.dead = 0, False, False


def _begin(state: _State) -> None:
    """Create a file of this process. It tells that the process is watched."""
    state.busy = True
    try:
        state.opened += 1
        if state.opened > 20 or len(os.listdir(state.folder)) > _MAX_FILES:
            raise OSError
        host = os.uname().nodename if hasattr(os, "uname") else ""
        name = os.path.join(state.folder, f"{os.getpid()}-{os.urandom(4).hex()}-{host}")
        state.fd = _high(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
        info = os.fstat(state.fd)
        state.file = (info.st_dev, info.st_ino)
        os.write(state.fd, b"H\0")
    except Exception:  # the folder is gone, or the disk is full
        state.fd, state.dead = -1, True
    finally:
        state.busy = False


def _high(fd: int) -> int:
    """Move a descriptor away from the numbers that programs close and use."""
    try:
        import fcntl

        try:
            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500)
        except OSError:  # the limit is lower
            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
    except Exception:
        return fd
    os.close(fd)
    return high


def _flush(state: _State) -> None:
    """Write what is pending, if need be in another file."""
    if not state.folder:
        state.pending = []
        return
    while state.pending and not state.dead:
        if state.fd < 0:
            _begin(state)
            continue
        pending = b"".join(state.pending)
        try:
            info = os.fstat(state.fd)
            # Otherwise the program has closed it and uses its number, or it was taken in and removed.
            if (info.st_dev, info.st_ino) == state.file and info.st_nlink:
                if os.write(state.fd, pending) == len(pending):
                    state.pending = []
                    return
                _spoil(state)
        except OSError as e:
            if e.errno != _EBADF:
                _spoil(state)
        state.fd = -1


def _spoil(state: _State) -> None:
    """Say in the file that something is missing. This works on a full disk too."""
    try:
        if hasattr(os, "pwrite"):
            os.pwrite(state.fd, b"X", 0)
    except OSError:
        pass


def _hook_of(state: _State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the audit hook.

    What it needs is in its closure: module globals end before it does.
    """
    read, wrote, raw = state.read, state.wrote, state.raw
    other, note, flush, raise_others, now = _other, _note, _flush_raw, _raise_others, monotonic
    ours = (__file__, os.path.__file__, os.__file__)
    at_once, group, period, code = _AT_ONCE if os.sep == "/" else _MAX_PATHS, _GROUP, _PERIOD, _CODE
    failures, text = Exception, str

    def hook(event: str, args: tuple[Any, ...]) -> None:
        try:
            if event == "open":
                path, _, flags = args
                if path in (wrote if flags & 3 else read) or state.dead or state.busy:
                    return
                if flags & 3 or state.written < at_once or path.__class__ is not text or path.endswith(code):
                    note(state, path, flags)
                    return
                read.add(path)
                raw.append(path)
                if len(raw) >= group or now() - state.last > period:
                    flush(state)
            elif event in other:
                if not state.dead and not state.busy:
                    other[event](state, args)
            elif raw and not state.busy and now() - state.last > period:
                flush(state)
        except failures as e:
            raise_others(e, ours)

    return hook


def _raise_others(e: Exception, ours: tuple[str, ...]) -> None:
    """Raise what a signal handler of the program has raised within the hook."""
    trace = e.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None and trace.tb_frame.f_code.co_filename not in ours:
        raise e


def _note(state: _State, path: Any, flags: int) -> None:
    writes = flags & 3
    if state.raw:
        _flush_raw(state)
    known = state.wrote if writes else state.read
    if len(known) >= _MAX_PATHS:
        _fill(state)
        return
    if isinstance(path, bytes):
        known.add(path)
        path = os.fsdecode(path)
    if not isinstance(path, str):
        return  # a descriptor
    if not state.folder:
        if (writes or path not in state.wrote) and not (path.endswith(_CODE) and _imports()):
            known.add(path)
        return
    known.add(path)
    both = writes == 2 and not flags & (os.O_TRUNC | os.O_EXCL)  # r+ and a+ read what is there
    full = _wanted(state, path, not writes or both)
    if full is None:
        return
    entry = os.fsencode(full) + b"\0"
    if not writes:
        _add(state, b"R" + entry + (_stamp(full) if state.written < _AT_ONCE else b""))
        return
    if both:
        _add(state, b"R" + entry + (_stamp(full) if state.written < _AT_ONCE else b""))
    # What was looked for and not found, and is written now, was not read before.
    _add(state, (b"C" if path in state.read and not os.path.exists(path) else b"W") + entry)


def _fill(state: _State) -> None:
    """Say that more was opened than is noticed."""
    if not state.full:
        state.full = True
        _flush(state)
        _spoil(state)


def _add(state: _State, record: bytes) -> None:
    state.pending.append(record)
    state.written += 1
    state.last = monotonic()
    _flush(state)


def _flush_raw(state: _State) -> None:
    """Write the paths that were collected.

    They are looked at together, because looking at each of them costs as much as opening a file.
    """
    paths = state.raw[:]
    state.raw.clear()
    if not paths or state.dead:
        return
    state.last = monotonic()
    if not state.folder:
        state.written = min(state.written + len(paths), _MAX_PATHS)
        return
    if len(state.read) > _MAX_PATHS:
        state.read.clear()  # they are written again; the file is bounded
    state.written += len(paths)
    if state.written > _MAX_PATHS:
        _fill(state)
        return
    records = _plain(state, "\0".join(paths) + "\0", paths)
    if records is None:
        found = [_wanted(state, path) for path in paths]
        records = b"".join([b"R" + os.fsencode(path) + b"\0" for path in found if path is not None])
    if records:
        state.pending.append(records)
        _flush(state)


def _plain(state: _State, joined: str, paths: list[str]) -> bytes | None:
    """Return the records of paths that are data without a doubt, otherwise None."""
    first, lead = "\0" + joined, "\0" + paths[0].rpartition("/")[0] + "/"
    if first.count(lead) == len(paths):  # all in one folder, as most are
        folders, names = {lead[1:-1]}, first.replace(lead, "\0")
        if "/." in lead or "/" in names or "//" in lead:
            return None
    else:
        if "/." in joined or "//" in joined:
            return None
        parts = [path.rpartition("/") for path in paths]
        folders, names = {part[0] for part in parts}, "\0" + "\0".join([part[2] for part in parts]) + "\0"
    # Names that differ in digits alone are looked at once.
    low = "\0" + "\0".join(set(names.lower().translate(_DIGITS).split("\0"))) + "\0"
    for word in _SUSPECT:
        if word in low:
            return None
    start = ""
    if not joined.startswith("/"):
        if state.cwd is None:
            state.cwd = os.getcwd()
        start = state.cwd + "/"
    absolute = first.count("\0/")
    if absolute != (0 if start else len(paths)):
        return None
    for folder in folders:
        folder = start + folder if folder or not start else start[:-1]
        verdict = state.verdicts.get(folder)
        if verdict is None:
            verdict = state.verdicts[folder] = _of_folder(state, folder)
        if verdict != _YES:
            return None
    record = "R" + start
    return os.fsencode(record + joined[:-1].replace("\0", "\0" + record) + "\0")


def _wanted(state: _State, path: str, reads: bool = True) -> str | None:
    """Return the absolute path if it may be data, otherwise None.

    Other files are counted if the program reads them.
    """
    if not path.startswith("/") and not os.path.isabs(path):
        if state.cwd is None:
            state.cwd = os.getcwd()
        path = os.path.join(state.cwd, path)
    if "/." in path or "//" in path or "\\" in path:
        path = os.path.normpath(path)
    folder, _, name = path.rpartition(os.sep)
    own = bool(state.root) and path.startswith(state.root + os.sep)
    if name.endswith(".pyc") and folder.endswith(_CACHED):  # the source of a module that is imported
        folder, name = folder[: -len(_CACHED)], name.partition(".")[0] + ".py"
        path = folder + os.sep + name
    verdict = _verdict(state, folder)
    if own and path.startswith("/.runs/", len(state.root)) and _by_client():
        return None
    if verdict == _NO:
        if folder in _DESCRIPTORS and name.isdecimal():
            return _of_descriptor(state, name)
        return None
    if name.endswith(_CODE) and not own and _is_installed(state, folder):
        return None
    if verdict == _LEFT:
        if not name.startswith("."):  # settings, as of shells
            _leave_out(state, path, reads)
        return None
    if verdict == _OF_USER:
        if name.lower().endswith(_DATA):
            _withhold(state, path, reads)
        return None
    if verdict == _WITHHELD or _secret(name):
        _withhold(state, path, reads)
        return None
    if name.startswith("."):
        if own or name not in _SETTINGS and not name.startswith(".git"):
            _withhold(state, path, reads)
        return None
    return path


def _verdict(state: _State, folder: str) -> int:
    """Return what _of_folder says, which is remembered."""
    verdict = state.verdicts.get(folder)
    if verdict is None:
        if len(state.verdicts) > 100_000:
            state.verdicts.clear()
        verdict = state.verdicts[folder] = _of_folder(state, folder)
    return verdict


def _of_descriptor(state: _State, number: str) -> str | None:
    """Return the path of the file that a descriptor stands for, if it may be data."""
    try:
        path = os.readlink("/proc/self/fd/" + number)
    except OSError:
        return None
    return _wanted(state, path) if path.startswith("/") and not path.startswith(("/dev/", "/proc/")) else None


def _of_folder(state: _State, folder: str) -> int:
    """Return whether files in a folder may be data: _NO, _YES or _WITHHELD."""
    below = folder + os.sep
    if below.startswith(state.packages) or below.startswith(state.folder + os.sep):
        return _NO
    inside = bool(state.root) and below.startswith(state.root + os.sep)
    if not inside and any(home.startswith(below) for home in state.homes):
        return _LEFT
    if not inside and not below.startswith(state.around):
        if below.startswith(state.temporary):
            return _LEFT
        system = below[len("/private") :] if below.startswith("/private/") else below
        if system.startswith(_SYSTEM) and not system.startswith(_STAGING):
            of_machine = system.startswith(_STATE) or not system.startswith(_PLACES) or _of_program(folder)
            return _NO if of_machine else _LEFT
    part = below[len(state.root) :] if inside else below
    if os.sep != "/":
        below, part = below.replace(os.sep, "/"), part.replace(os.sep, "/")
    if any(name in below for name in _FOLDERS):
        return _NO
    if _of_package(state, folder + os.sep):
        return _NO
    if "/." in part and (inside or not any(hub in below for hub in _HUBS)):
        if not inside and _of_programs(state, below):
            return _OF_USER
        if inside and any(cache in part for cache in _CACHES):
            return _WITHHELD
        if part.startswith("/.runs/2") and "/artifacts/" in part and "/." not in part[2:]:
            return _YES  # of an earlier run
        if any(own in part for own in _OWN):
            return _NO
        return _OF_USER if any(tool in part for tool in _TOOLS) else _WITHHELD
    return _WITHHELD if any(_secret(name, False) for name in part.split("/")) else _YES


def _of_programs(state: _State, path: str) -> bool:
    """Report whether a path is in a hidden folder directly in a home folder.

    It may be that of another user.
    """
    for home in state.homes:
        if path.startswith(home):
            return path.startswith(home + ".")
    parts = path.split("/", 4)
    if parts[1] == "root":
        return len(parts) > 3 and parts[2].startswith(".")
    return len(parts) > 4 and parts[1] in ("home", "Users") and parts[3].startswith(".")


def _of_program(folder: str) -> bool:
    """Report whether a folder is in one where a program is installed."""
    while folder.count("/") > 1 and folder not in ("/usr/local", "/run/media"):
        has = [os.path.isdir(os.path.join(folder, name)) for name in ("bin", "lib", "lib64", "conda-meta")]
        if has[0] and (has[1] or has[2]) or has[3]:
            return True
        folder = os.path.dirname(folder)
    return False


def _secret(name: str, file: bool = True) -> bool:
    """Report whether a name may be that of a file or folder with keys or passwords."""
    low = name.lower()
    for word in _SECRET:
        if word in low:
            return True
    ending = low.rpartition(".")[2] if "." in low else ""
    if ending in _SECRET_ENDINGS:
        return True
    if any(stem in low for stem in _SUSPECT):
        parts = set("".join([c if c.isalpha() else " " for c in low]).split())
        if parts & _PARTS or file and ending in _SETTING_ENDINGS and parts & _WEAK_PARTS:
            return True
    if "token" not in low or low in _TOKEN_NAMES:
        return False
    rest = low.replace("tokeni", "")  # tokenizer.json
    return "token" in rest.replace("tokens", "") or "tokens" in rest and ending not in _TOKENS


def _leave_out(state: _State, path: str, reads: bool) -> None:
    """Count a file in a place that is never named, if the program reads it."""
    if reads and state.left < 1000 and _was_before(state, path):
        state.left += 1
        _add(state, b"O%d\0" % state.left)


def _withhold(state: _State, path: str, reads: bool) -> None:
    """Count a file whose name must not be recorded, if the program reads it."""
    if reads and state.withheld < 1000 and _was_before(state, path):
        state.withheld += 1
        _add(state, b"N%d\0" % state.withheld)


def _was_before(state: _State, path: str) -> bool:
    """Report whether a file exists that the program has not made.

    Programs look for files that may exist.
    """
    try:
        info = os.stat(path)
    except OSError:
        return False
    return info.st_mode & 0o170000 == 0o100000 and info.st_mtime < state.born


def _imports() -> bool:
    """Report whether the interpreter reads a file as code."""
    frame = sys._getframe(3)
    for _ in range(5):
        name = frame.f_code.co_filename
        if name.startswith(_IMPORTERS[0]) or name.endswith(_IMPORTERS[1:]):
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _by_client() -> bool:
    """Report whether the client opens a file, and not the program."""
    frame = sys._getframe(2)
    for _ in range(20):
        name = frame.f_code.co_filename
        if _OWN_PACKAGE in name and name != __file__:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _on_chdir(state: _State, _: tuple[Any, ...]) -> None:
    _flush_raw(state)
    state.cwd = None
    for paths in (state.read, state.wrote):  # a relative path is another file now
        relative = [p for p in paths if isinstance(p, (str, bytes)) and not os.path.isabs(p)]
        paths.difference_update(relative)


def _on_connect(state: _State, args: tuple[Any, ...]) -> None:
    path = args[0]
    if not isinstance(path, (str, bytes)) and hasattr(path, "__fspath__"):
        path = path.__fspath__()
    if not isinstance(path, (str, bytes)):
        return
    path = os.fsdecode(path)
    if path.startswith("file:"):
        path = path[5:].partition("?")[0]
        if path.startswith("//"):
            path = "/" + path[2:].partition("/")[2]
        if "%" in path:
            from urllib.parse import unquote

            path = unquote(path)
    if path in ("", ":memory:") or path in state.read:
        return
    state.read.add(path)
    full = _wanted(state, path)
    if full is not None:
        _add(state, b"S" + os.fsencode(full) + b"\0")


def _on_list(state: _State, args: tuple[Any, ...]) -> None:
    path = args[0]
    if _imports():
        return
    if path is None or path == "":
        path = "."
    if not isinstance(path, (str, bytes)):
        if not hasattr(path, "__fspath__"):
            return
        path = path.__fspath__()
    path = os.fsdecode(path)
    key = ("list", path)
    if key in state.read or len(state.read) >= _MAX_PATHS:
        return
    state.read.add(key)
    full = _wanted(state, os.path.join(path, "x"))
    if full is not None:
        _add(state, b"L" + os.fsencode(os.path.dirname(full)) + b"\0")


def _tell_unseen(state: _State) -> None:
    """Tell what was loaded or given before, and reads files unseen."""
    for name in sorted(state.unseen | (_NATIVE & set(sys.modules))):
        _add(state, b"P" + os.fsencode(name) + b"\0")
    for name in sorted(_WRITERS & set(sys.modules)):
        _add(state, b"M" + os.fsencode(name) + b"\0")
    try:
        if os.fstat(0).st_mode & 0o170000 == 0o100000:
            _add(state, b"Pstandard input\0")
    except OSError:
        pass


def _unseen(state: _State, name: str) -> None:
    if name not in state.unseen and len(state.unseen) < 50:
        state.unseen.add(name)
        _add(state, b"P" + os.fsencode(name) + b"\0")


def _run(state: _State, path: Any) -> None:
    """Note code that is run without being opened by Python."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or not path or not state.folder:
        return
    if state.cwd is None:
        state.cwd = os.getcwd()
    path = os.path.normpath(os.path.join(state.cwd, path))
    if ("run", path) in state.read:
        return
    if not path.startswith(state.root + os.sep):
        folder = os.path.dirname(path)
        if not path.endswith(_CODE) or _verdict(state, folder) != _YES:
            return
    if not os.path.isfile(path):
        return
    state.read.add(("run", path))
    full = _wanted(state, path)
    if full is not None:
        _add(state, b"R" + os.fsencode(full) + b"\0")


def _on_import(state: _State, args: tuple[Any, ...]) -> None:
    if args[0] in _NATIVE:
        _unseen(state, args[0])
    if args[0] in _WRITERS:
        _add(state, b"M" + os.fsencode(args[0]) + b"\0")
    if args[1]:  # an extension module
        _run(state, args[1])


def _on_load(state: _State, args: tuple[Any, ...]) -> None:
    name = args[0]
    if hasattr(name, "__fspath__"):
        name = name.__fspath__()
    if isinstance(name, (str, bytes)) and "/" in os.fsdecode(name):
        _run(state, name)


def _run_program(state: _State, program: str, words: Sequence[Any], folder: Any) -> None:
    """Note a program of the project that is started, also by the text of a shell."""
    found = [program]
    if len(words) > 2 and os.fsdecode(words[1]) == "-c":
        found += os.fsdecode(words[2]).replace(";", " ").replace("&", " ").replace("|", " ").split()[:50]
    start = os.fsdecode(folder) if isinstance(folder, (str, bytes)) else ""
    for name in found:
        name = name.strip("'\"()`$")
        if "/" not in name:
            if name != program:
                continue
            for entry in os.environ.get("PATH", "").split(os.pathsep):
                if entry.startswith(state.root) and os.access(os.path.join(entry, name), os.X_OK):
                    name = os.path.join(entry, name)
                    break
        if os.access(os.path.join(start, name), os.X_OK):
            _run(state, os.path.join(start, name))


def _on_process(state: _State, args: tuple[Any, ...]) -> None:
    """Note a program that reads files unseen.

    It is not Python, or a Python without the hook.
    """
    words = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else [args[0]]
    env = args[-1] if len(args) > 2 else None
    program = os.fsdecode(args[0] or words[0])
    if state.root:
        text = len(args) == 1  # of os.system
        first = program.partition(" ")[0] if text else program
        _run_program(state, first, ["sh", "-c", program] if text else words, args[2] if len(args) > 3 else None)
    name = os.path.basename(program.split()[0] if len(args) == 1 and program.split() else program)
    if name in _HARMLESS:
        return
    if name.startswith(("python", "pypy")):
        options = [w for w in map(os.fsdecode, words[1:4]) if w.startswith("-") and not w.startswith("--")]
        own = env is None or FOLDER in env or os.fsencode(FOLDER) in env
        if own and not any(set(w[1:]) & set("IES") for w in options if w[1:2] not in "cmWX"):
            return
    _unseen(state, name)


def _on_rename(state: _State, args: tuple[Any, ...]) -> None:
    path = args[1]
    if isinstance(path, (str, bytes)):
        if path in state.read and os.path.exists(path):
            _on_remove(state, args[1:])
        if path not in state.wrote:
            _note(state, path, os.O_WRONLY)
    _on_remove(state, args)


def _on_link(state: _State, args: tuple[Any, ...]) -> None:
    path = args[1]
    if isinstance(path, (str, bytes)) and path not in state.wrote:
        _note(state, path, os.O_WRONLY)


def _on_remove(state: _State, args: tuple[Any, ...]) -> None:
    """Note that a file was removed that the process has read."""
    path = args[0]
    if isinstance(path, (str, bytes)) and path in state.read:
        _flush_raw(state)
        full = _wanted(state, os.fsdecode(path))
        if full is not None:
            _add(state, b"D" + os.fsencode(full) + b"\0")


_other: dict[str, Callable[[_State, tuple[Any, ...]], None]] = {
    "os.chdir": _on_chdir,
    "os.listdir": _on_list,
    "os.scandir": _on_list,
    "import": _on_import,
    "ctypes.dlopen": _on_load,
    "os.exec": _on_process,
    "os.link": _on_link,
    "os.symlink": _on_link,
    "os.posix_spawn": _on_process,
    "os.remove": _on_remove,
    "os.spawn": _on_process,
    "os.system": _on_process,
    "subprocess.Popen": _on_process,
    "os.rename": _on_rename,
    "sqlite3.connect": _on_connect,
}
