"""init(): resolves the options of a run and starts it with one call of the program `runs`.

The options come from the arguments, then Settings, then the environment. `_start` starts a run, `_join` joins the one
of RUNS_ID. To add an option, start in `init`; an option of Settings also goes into _settings.
"""

from __future__ import annotations

import os
import sys

from . import _end, _live, _messages, _token, _values
from ._config import nest
from ._errors import UsageError
from ._job import Job, second
from ._messages import progress, progress_once, warn, warn_once
from ._settings import as_dict, env, unused, yes

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

    from ._run import Run

_MAX_FIRST = 2 << 20  # bytes of the journal line in the request that starts a run
_MAX_COMMAND = 512 << 10  # characters
_NUMBERED = ("id", "name", "group")  # may be integers, as the ids of jobs are
_joined_once = False  # this process has joined the run of RUNS_ID, or started its own
_before_config: dict[str, Any] = {}  # assigned to gitruns.config before init
_before_tensorboard: list[str] | None = None  # folders that tensorboard.patch() named before init


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: Any = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Any = None,
    config: Any = None,
    config_exclude_keys: Any = None,
    config_include_keys: Any = None,
    allow_val_change: bool | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,
    reinit: Any = None,
    resume: Any = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,
    tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    settings: Any = None,
    anonymous: Any = None,
    *,
    parent: Any = None,
) -> Run:
    """Start a run and return it.

    Until finish(), gitruns.run, .config, .summary and .log belong to this run. The program `runs` records source,
    environment, machine and command in one call.

    If RUNS_ID is the id of a run that `runs exec` or `runs start` started, the first init of a process joins that run.
    If the init of a parent process started it, the new run is a child of that run. With mode="shared" or the same id,
    init joins that run instead.

    Args:
        entity: Recorded as the tag `entity`.
        project: The experiment of the run. The default is the name of the repository's folder.
        dir: Not used: runs are in the project's .runs folder.
        id: The key of the run, by which resume finds it.
        name: The name of the run, which need not be unique.
        notes: The note of the run.
        tags: A list of strings, or a dict of strings.
        config: The params, in any form that Config.update takes.
        config_exclude_keys: Keys of config to leave out.
        config_include_keys: The only keys of config to record.
        allow_val_change: True allows params to change. False forbids it for a resumed run as well.
        group: The group of the run.
        job_type: Recorded as the tag `job_type`.
        mode: "online" and "offline" record. "shared" records into the run of a parent process. "disabled" records
            nothing.
        force: Not used.
        reinit: What to do with a run that is active. "finish_previous" or True finishes it. "create_new" starts
            another run that does not become gitruns.run. "return_previous" returns the active run and reports the
            arguments that it does not use. The default is that too, but a second job of the process, as of Hydra or of
            a loop, finishes the active run and starts its own: the function that called init has returned or calls it
            again, and another param or id differs. In a notebook the default is to finish the active run.
        resume: "allow" resumes the run of this id if there is one, "must" requires one, and "never" forbids one. "auto"
            or True is the same as "allow", and without an id it resumes an unsuccessful run of the same job or program.
        resume_from: Not supported; raises UsageError.
        fork_from: Not supported; raises UsageError.
        save_code: Not used: the source is always recorded.
        tensorboard: The same as sync_tensorboard.
        sync_tensorboard: Import the metrics of TensorBoard event files when the run ends.
        monitor_gym: Not used; keep videos with run.save.
        settings: A Settings or a dict of further options.
        anonymous: Not used.
        parent: The run, or the id of the run, that the new run is a child of.

    Returns:
        The new run, the joined run, or the active run.

    Raises:
        TypeError: A keyword is unknown, or an argument that must be a string is something else.
        UsageError: Arguments contradict each other, the id exists (resume="never"), or no run has it (resume="must").
        ConfigError: A param of a resumed run would change, and allow_val_change is False.
        CommError: The project cannot be written, or the program `runs` is missing.
    """
    global _joined_once
    for key, text in (
        ("entity", entity),
        ("project", project),
        ("id", id),
        ("name", name),
        ("notes", notes),
        ("group", group),
        ("job_type", job_type),
        ("mode", mode),
    ):
        if text is not None and not isinstance(text, str):
            if key in _NUMBERED and isinstance(text, int) and not isinstance(text, bool):
                continue
            raise TypeError(f"init: {key} must be a string, got {type(text).__name__}")
    frame = sys._getframe(1)  # the wrapper below
    frame = frame.f_back or frame
    job = Job(frame)
    given = as_dict(settings)
    if resume_from or fork_from:
        raise UsageError(
            "init: resume_from and fork_from are not supported, because a recorded run is never rewritten; "
            "start a new run with parent=, or with id=… and resume='allow'"
        )
    mode = (
        mode
        or given.get("mode")
        or env("MODE")
        or ("disabled" if yes(os.environ.get("WANDB_DISABLED", "")) or given.get("disabled") else "")
    )
    modes = ("", "online", "offline", "shared", "disabled", "dryrun", "run")
    if mode not in modes:
        raise UsageError(f"init: mode must be 'online', 'offline', 'shared' or 'disabled', got {mode!r}")
    if given.get("silent"):
        _messages.silent = True
    selected = _selected(config, config_include_keys, config_exclude_keys)
    all_tags = _values.tags_of(
        tags if tags is not None else given.get("run_tags") or [t for t in env("TAGS").split(",") if t]
    )
    active: Run | None = _live.active()
    if reinit not in (None, True, False, "default", "return_previous", "finish_previous", "create_new"):
        raise UsageError(f"init: reinit must be 'return_previous', 'finish_previous' or 'create_new', got {reinit!r}")
    if (
        active is not None
        and active._state == ""
        and reinit != "create_new"
        and getattr(active, "_pid", os.getpid()) == os.getpid()
    ):
        from ._notebook import in_notebook

        default = reinit in (None, "default")
        if reinit in (True, "finish_previous") or default and in_notebook():
            active.finish()
        elif default and (why := second(active, job, frame, selected, str(id or ""), bool(allow_val_change))):
            progress(f"this init() starts a second run, because {why}; run {active.name} is finished")
            active.finish()
        else:
            arguments = {
                "name": name,
                "project": project,
                "id": id,
                "group": group,
                "job_type": job_type,
                "entity": entity,
                "notes": notes,
                "tags": tags,
            }
            _update_active(active, arguments, selected, bool(allow_val_change))
            return active
    params = {**_before_config, **selected}
    project = project or given.get("project") or os.environ.get("RUNS_EXPERIMENT") or env("PROJECT")
    names = {
        "entity": entity or given.get("entity") or env("ENTITY"),
        "group": group or given.get("run_group") or os.environ.get("RUNS_GROUP") or env("RUN_GROUP"),
        "job_type": job_type or given.get("run_job_type") or env("JOB_TYPE"),
        "notes": notes or given.get("run_notes") or env("NOTES"),
        "name": name or given.get("run_name") or env("NAME"),
        "id": id or given.get("run_id") or env("RUN_ID"),
    }
    names = {k: _clean(k, str(v)) if v not in (None, "") else "" for k, v in names.items()}
    project = _values.label_of(str(project), "project") if project else ""
    if mode == "disabled" or _silent_rank(given):
        from ._disabled import DisabledRun

        values = _values.params_of(params)
        disabled: Any = DisabledRun(
            names["name"],
            names["id"],
            project,
            names["entity"],
            names["group"],
            names["job_type"],
            names["notes"],
            list(all_tags),
            values,
        )
        silent: Run = disabled  # it has every method of a Run
        silent._settings = settings
        silent._pid = _token.caller = os.getpid()
        silent._job = job
        _activate(silent, reinit)
        return silent
    for key in ("entity", "job_type"):
        if names[key]:
            all_tags.setdefault(key, names[key])
    ignored = unused(given)
    if monitor_gym:
        ignored.append("monitor_gym")
    if dir is None and (folder := os.environ.get("WANDB_DIR")):
        warn_once(
            "dir",
            f"WANDB_DIR={folder!r} is not used; runs are in the project's .runs folder, or in RUNS_REPO",
        )
    if dir is not None:
        warn_once(
            "dir",
            f"dir={os.fspath(dir)!r} is not used; runs are in the project's .runs folder, "
            "and files that you write to run.dir are kept with the run",
        )
    for option in ignored:
        warn_once(
            ("ignored", option),
            f"{option} is not used; the run's tag 'ignored' names it"
            + (" (keep videos with run.save('videos/*.mp4'))" if option == "monitor_gym" else ""),
        )
    if ignored:
        all_tags.setdefault("ignored", " ".join(ignored)[:200])
    how = _resume(resume if resume is not None else given.get("resume") or env("RESUME"))
    if how == "allow" and not names["id"]:
        how = ""  # without an id there is no run to resume
    line: dict[str, Any] = {}
    over: list[str] = []
    if params:
        from ._bounds import MAX_PARAMS, within

        whole = _values.params_of(params)
        line["p"], _ = within(whole, MAX_PARAMS, over)
    if all_tags:
        line["tags"] = all_tags
    if names["notes"]:
        line["note"] = names["notes"]
    later: dict[str, Any] = {}
    if line:
        from ._bounds import size

        if size(line) > _MAX_FIRST:  # it is written to the journal, in several lines
            later = {k: line.pop(k) for k in ("p", "tags") if k in line}
    run: Run | None = None
    outer = os.environ.get("RUNS_DIR") if os.environ.get("RUNS_ID") else None
    if (
        outer
        and not _joined_once
        and reinit != "create_new"
        and parent is None
        and _joins(names["id"], how, mode, given)
    ):
        wanted = {"experiment": project or "", "group": names["group"], "key": names["id"], "resume": how}
        run = _join(outer, names, line, bool(allow_val_change), wanted)
    if run is None:
        if parent is None and os.environ.get("RUNS_ID") and reinit != "create_new":
            parent = os.environ["RUNS_ID"]
        if given.get("all_ranks") and (rank := _rank_of_own_run(names)):
            all_tags.setdefault("rank", rank)
            if "tags" not in later:
                line["tags"] = all_tags
        run = _start(names, project, line, how, parent, given, allow_val_change)
    if later:
        run._write({k: v for k, v in later.items() if k != "p"})
        run._config._merge(later.get("p") or {}, bool(how))
    if over:
        run._config._load({k: v for k, v in whole.items() if k not in run._config}, recorded=False)
        run._config._warn_lost(over)
    _joined_once = True
    _token.caller = os.getpid()
    run._job = job
    run._key = names["id"]
    run._notes = names["notes"]
    run.entity, run.group, run.job_type = names["entity"], names["group"], names["job_type"]
    from ._run import OWN_TAGS

    run._tags = tuple(dict.fromkeys([*run._tags, *(t for t in all_tags if t not in OWN_TAGS)]))
    run._settings = settings
    run._ignored = ignored
    from ._notebook import attach_notebook, in_notebook

    if in_notebook() and allow_val_change is not False:  # cells run more than once
        object.__setattr__(run._config, "_allow", True)
    if sync_tensorboard or tensorboard or given.get("sync_tensorboard") or _before_tensorboard is not None:
        run._tensorboard = {"dirs": list(_before_tensorboard or ())}
    _activate(run, reinit)
    if (given.get("console") or env("CONSOLE")) in ("wrap", "wrap_raw", "wrap_emu", "redirect"):
        from ._console import capture

        capture(run)
    attach_notebook(run)
    return run


def _selected(config: Any, include: Any, exclude: Any) -> dict[str, Any]:
    if include and exclude:
        raise UsageError("init: config_include_keys and config_exclude_keys cannot be combined")
    values = _values.config_of(config)
    if include:
        return {k: v for k, v in values.items() if k in include}
    return {k: v for k, v in values.items() if k not in (exclude or ())}


def _clean(key: str, text: str) -> str:
    """Return a name in the form that a record can hold. No name is an error."""
    if key == "notes":
        return _values.long_text(text, "the note")
    return _values.key_of(text) if key == "id" else _values.label_of(text, key)


def _update_active(run: Run, arguments: dict[str, Any], config: dict[str, Any], allow: bool) -> None:
    """Add the config of a second init to the active run.

    Warns about the arguments that are not used.
    """
    from ._bounds import named

    ignored = [
        k
        for k, v in arguments.items()
        if v not in (None, "", False, getattr(run, k, None))
        and not (k == "tags" and set(_values.tags_of(v)) <= set(run.tags))
    ]
    if run.disabled:
        run.config.update(config, allow_val_change=True)
        ignored = []
    else:
        ignored += ["config." + ".".join(k) for k in run._config._merge(config, allow)]
    if ignored:
        warn(
            f"run {run.name} is already active, so init() does not use {named(ignored)}; "
            "call finish() first, or use reinit='create_new'"
        )


def _joins(id: str, how: str, mode: str, given: dict[str, Any]) -> bool:
    """Report whether this process records into the run of RUNS_ID instead of its own.

    It does if `runs exec` or `runs start` started that run. If a client started it, this process gets a child run,
    unless it asks to share the run, gives the same id, or is a further rank of the same training.
    """
    if not _by_client():
        return True
    run_id, *key = os.environ["RUNS_STARTED_BY"].split(" ", 1)
    if id and id in (*key, run_id, run_id.rpartition("-")[2]):
        return True
    if id or how:
        return False
    return mode == "shared" or yes(os.environ.get("RUNS_JOIN", "")) or _rank()[0] > 0


def _by_client() -> bool:
    """Report whether a client started the run of RUNS_ID.

    Otherwise it was `runs exec` or `runs start`.
    """
    return os.environ.get("RUNS_STARTED_BY", "").split(" ", 1)[0] == os.environ["RUNS_ID"]


def _rank() -> tuple[int, int]:
    """Return the rank of this process and the number of ranks.

    They are 0 and 1 if it is the only process.
    """
    try:
        # Lightning sets only the local rank of the processes that it starts.
        return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0), int(os.environ.get("WORLD_SIZE") or 1)
    except ValueError:
        return 0, 1


def _resume(resume: Any) -> str:
    if resume in (None, False, "", "False", "false"):
        return ""
    if resume in (True, "auto", "True", "true"):
        return "auto"
    if resume in ("allow", "must", "never"):
        return str(resume)
    raise UsageError(f"init: resume must be 'allow', 'must', 'never' or 'auto', got {resume!r}")


def _silent_rank(given: dict[str, Any]) -> bool:
    """Report whether this is a rank above 0 that must not record.

    It records with Settings(all_ranks=True). SLURM_PROCID alone does not count, because each task of a job array has
    its own run.
    """
    rank, size = _rank()
    if rank <= 0 or size <= 1 or given.get("all_ranks"):
        return False
    progress_once("rank", f"rank {rank} of {size} records nothing; use Settings(all_ranks=True) to record all ranks")
    return True


def _rank_of_own_run(names: dict[str, str]) -> str:
    """Return the rank of this process, or '' if there is only one rank.

    If no group is given, sets it to the id of the training, which all ranks know.
    """
    rank, size = _rank()
    if size <= 1:
        return ""
    # Without --rdzv-id torchrun calls every training "none".
    training = os.environ.get("TORCHELASTIC_RUN_ID", "")
    port = os.environ.get("MASTER_PORT", "")
    names["group"] = names["group"] or _clean(
        "group", training if training not in ("", "none") else f"ranks-{port}" if port else ""
    )
    progress_once("ranks", f"rank {rank} has its own run; use 'runs exec -- torchrun …' for one run of all ranks")
    return str(rank)


def _command() -> tuple[list[Any], str]:
    """Return the command of this process, and the path of the program's file.

    The path is absolute, or '' if the program is not a file.
    """
    entry = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    argv = list(getattr(sys, "orig_argv", ()) or [sys.executable, *sys.argv])
    from ._notebook import in_notebook, notebook_path

    if in_notebook():
        path = notebook_path()
        return [sys.executable], path
    if argv:
        argv[0] = sys.executable or argv[0]
    if "-c" in argv[:8]:  # the program is not a file
        entry = ""
    argv = [a.encode("utf-8", "replace").decode() for a in argv]
    while len(argv) > 1 and sum(map(len, argv)) > _MAX_COMMAND:
        warn_once("command", "the command is too long for a record; its end was cut")
        argv = [*argv[: len(argv) // 2], "…"] if len(argv) > 3 else [_values.text_of(a, 1000) for a in argv]
    return argv, os.path.abspath(entry) if entry and os.path.isfile(entry) else ""


def _interpreter() -> dict[str, Any]:
    """Return what runs this process, for the record's environment.

    Only the process itself knows it surely: `runs exec` sees the command, and with a tool such as uv the Python that
    the command names is not the one that runs.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sites = [p for p in sys.path if p in given or os.path.basename(p) in ("site-packages", "dist-packages")]
    name = sys.implementation.name
    return {
        "path": _utf8(sys.executable or ""),
        "version": sys.version.split()[0],
        "implementation": {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}.get(name, name),
        "prefix": _utf8(sys.prefix),
        "base": _utf8(sys.base_prefix),
        "sites": [_utf8(os.path.abspath(p)) for p in sites if p],
    }


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _start(
    names: dict[str, Any],
    project: str,
    line: dict[str, Any],
    how: str,
    parent: Any,
    given: dict[str, Any],
    allow: bool | None,
) -> Run:
    from ._binary import client
    from ._preload import preload
    from ._run import Run, rank_prefix

    command, entry = _command()
    request = {
        "pid": os.getpid(),
        "name": names["name"],
        "experiment": project,
        "group": names["group"],
        "key": names["id"],
        "parent": getattr(parent, "run_id", parent) or "",
        "resume": how,
        "command": command,
        "entry": entry,
        "python": _interpreter(),
        "allow_val_change": allow is not False if how else bool(allow),
        "system": not (given.get("_disable_stats") or given.get("x_disable_stats")),
        "sidecar": os.environ.get("RUNS_SIDECAR", "1") != "0",
    }
    import time

    started = client("start", request, {"t": round(time.time(), 6), **line} if line else None, meanwhile=preload)
    run = Run(started, prefix=rank_prefix() if given.get("all_ranks") else "", allow_val_change=bool(allow))
    run._open()
    run._config._load(_loaded(run._config, line.get("p") or {}))
    if reads := started.get("reads"):
        from . import _reads

        before = _reads.follow(reads, started["reads_root"])
        run._at_finish.append(lambda _: _reads.tell(reads, started["reads_root"]))
        run._cleanups.append(lambda: _reads.leave(reads, before))
    for line_of_runs in started.get("warnings") or ():
        progress(line_of_runs)
    if existing := started.get("existing"):
        _warn_existing(names["id"], existing)
    resumed = started.get("resumed")
    if changed := (resumed or {}).get("changed"):
        from ._bounds import named

        progress(f"config changed: {named(changed)}; this run uses the new values")
    progress(
        f"recording {run._title} in {_relative(run._runs)}"
        + (f" from step {run._step}, resuming {resumed['id'].rpartition('-')[2]}" if resumed else "")
    )
    return run


def _warn_existing(key: str, existing: str) -> None:
    warn(
        f"a run with the id {key!r} already exists ({existing}); this new run gets the same id "
        "(to resume the other run, use resume='allow')"
    )


def _loaded(config: Any, params: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in params.items() if k not in config or config[k] != v}


def _relative(path: str) -> str:
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return relative if not relative.startswith(os.pardir) else path


def _join(folder: str, names: dict[str, Any], line: dict[str, Any], allow: bool, wanted: dict[str, Any]) -> Run | None:
    """Join the run of RUNS_ID and return it.

    Returns None if that run no longer exists, or if this process resumes another run. wanted has the experiment,
    group, key and resume policy of this program; they apply if the run's starter has not set them.
    """
    from ._errors import Error
    from ._run import join

    try:
        # A run that a client started has its names already.
        program = None if _by_client() else {"names": True, "python": _interpreter(), "entry": _command()[1], **wanted}
        run, started = join(folder, allow, program)
    except Error as e:
        warn_once("join", f"the run of RUNS_ID could not be joined ({e}); starting a new run")
        return None
    if run is None:
        return None
    if existing := started.get("existing"):
        _warn_existing(names["id"], existing)
    if names["name"] and names["name"] != run._name:
        if run._name:
            warn_once("name", f"the run already has the name {run._name!r}; the name {names['name']!r} is not used")
        else:
            run.name = names["name"]
    for path, (recorded, own) in run._config._merge(line.get("p") or {}, allow).items():
        key = ".".join(path)
        warn_once(
            ("conflict", key),
            f"config.{key} is already {_values.repr_of(recorded)}, set by 'runs exec -p' or by another process; "
            f"this program's {_values.repr_of(own)} is recorded as a conflict",
        )
        run._write({"p": nest(path[:-1], {path[-1]: own})})
    rest = {k: v for k, v in line.items() if k != "p"}
    # If the run's starter named another experiment or group, those of this program become tags.
    for tag, key in (("group", "group"), ("project", "experiment")):
        value = wanted.get(key)
        if value and value != started.get(key):
            rest.setdefault("tags", {})[tag] = _values.text_of(value)
    if rest:
        run._write(rest)
    return run


def _activate(run: Any, reinit: Any) -> None:
    """Watch the end of run, make it the active run, and let child processes find it."""
    if not run.disabled:
        _end.install()
    if reinit == "create_new":
        return
    _live.bind(run)
    _before_config.clear()
    patch_before(None)


def patch_before(folder: str | None) -> None:
    """Remember a folder of event files for the next run.

    "" stands for any folder; None forgets the remembered ones.
    """
    global _before_tensorboard
    if folder is None:
        _before_tensorboard = None
    else:
        _before_tensorboard = [*(_before_tensorboard or ()), *([folder] if folder else ())]


def _hinting(call: Any) -> Any:
    """Wrap call so that the error for an unknown keyword suggests the closest one.

    The signature stays.
    """
    code = call.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def init(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                from difflib import get_close_matches

                close = get_close_matches(name, known, 1)
                raise TypeError(
                    f"init() got an unexpected keyword argument {name!r}"
                    + (f"; did you mean {close[0]}?" if close else "")
                )
        return call(*args, **kwargs)

    init.__qualname__ = "init"  # a pickle finds it by this name
    init.__wrapped__, init.__doc__, init.__module__ = call, call.__doc__, call.__module__  # type: ignore[attr-defined]
    return init


if not TYPE_CHECKING:
    init = _hinting(init)
