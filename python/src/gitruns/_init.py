"""init(): what a run is called, whether it is recorded, and the one call of the binary that begins it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from . import _end, _live, _say, _values
from ._errors import UsageError
from ._say import once, say
from ._settings import as_dict, env, unused, yes

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

    from ._run import Run

_joined_once = False  # the run of RUNS_ID has been taken by this process
_before_config: dict[str, Any] = {}  # what was assigned to gitruns.config before init
_before_tensorboard: list[str] | None = None  # the folders that tensorboard.patch() named before init


def init(
    entity: str | None = None, project: str | None = None, dir: Any = None, id: str | None = None, name: str | None = None,
    notes: str | None = None, tags: Any = None, config: Any = None, config_exclude_keys: Any = None, config_include_keys: Any = None,
    allow_val_change: bool | None = None, group: str | None = None, job_type: str | None = None, mode: str | None = None,
    force: bool | None = None, reinit: Any = None, resume: Any = None, resume_from: str | None = None, fork_from: str | None = None,
    save_code: bool | None = None, tensorboard: bool | None = None, sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None, settings: Any = None, anonymous: Any = None, *, parent: Any = None,
) -> Run:  # fmt: skip
    """Begin a run and return it; gitruns.run, .config, .summary and .log are its own until finish().

    Source, environment, machine and command are recorded by the `runs` program in one call. Inside a run that RUNS_ID
    names (of `runs exec`, or of a parent process) the first init of a process joins that run.

    project is the run's experiment (default: the name of the repository's folder), id its key, group, name and notes as they are, tags a list
    (or a dict of text), entity and job_type tags. config: see config.update. mode: "disabled" records nothing; online,
    offline and shared are the same. reinit: "finish_previous" or True ends the active run, "create_new" gives a further one
    that is not gitruns.run, else the active run is returned (a notebook ends it). resume: never, allow, must, auto or True.
    settings: see Settings. parent: the run, or its id, that the new one is part of. save_code has been done by the capture of
    the source. sync_tensorboard takes over what TensorBoard event files say.

    Raises TypeError for an unknown keyword, UsageError for values that contradict each other or an id that exists
    (resume="never") or does not (resume="must"), ConfigError for a param of a resumed run that would change, CommError where
    the project cannot be written or the program `runs` is missing.
    """
    global _joined_once
    given = as_dict(settings)
    if resume_from or fork_from:
        raise UsageError("init: resume_from and fork_from rewind a run on a server; a recorded run is not rewritten: start a new one with parent= or id=…, resume='allow'")
    mode = mode or given.get("mode") or env("MODE") or ("disabled" if yes(os.environ.get("WANDB_DISABLED", "")) or given.get("disabled") else "")
    modes = ("", "online", "offline", "shared", "disabled", "dryrun", "run")
    if mode not in modes:
        raise UsageError(f"init: mode {mode!r} is none of online, offline, shared, disabled")
    if given.get("silent"):
        _say.silent = True
    active: Run | None = _live.active()
    if reinit not in (None, True, False, "default", "return_previous", "finish_previous", "create_new"):
        raise UsageError(f"init: reinit {reinit!r} is none of return_previous, finish_previous, create_new")
    if active is not None and active._state == "" and reinit != "create_new" and getattr(active, "_pid", os.getpid()) == os.getpid():
        from ._notebook import in_notebook

        if reinit in (True, "finish_previous") or reinit in (None, "default") and in_notebook():
            active.finish()
        else:
            if config is not None:
                active.config.update(_pick(config, config_include_keys, config_exclude_keys), allow_val_change=bool(allow_val_change))
            return active
    params = {**_before_config, **_pick(config, config_include_keys, config_exclude_keys)}
    project = project or given.get("project") or os.environ.get("RUNS_EXPERIMENT") or env("PROJECT")
    names = {
        "entity": entity or given.get("entity") or env("ENTITY"),
        "group": group or given.get("run_group") or os.environ.get("RUNS_GROUP") or env("RUN_GROUP"),
        "job_type": job_type or given.get("run_job_type") or env("JOB_TYPE"),
        "notes": notes or given.get("run_notes") or env("NOTES"),
        "name": name or given.get("run_name") or env("NAME"),
        "id": id or given.get("run_id") or env("RUN_ID"),
    }
    names = {k: str(v) if v else "" for k, v in names.items()}
    all_tags = _tags(tags if tags is not None else given.get("run_tags") or [t for t in env("TAGS").split(",") if t])
    quiet = mode == "disabled" or _silent_rank(given)
    if quiet:
        from ._disabled import DisabledRun

        values = {k: _values.param(v) for k, v in params.items()}
        made: Any = DisabledRun(names["name"], names["id"], project or "", names["entity"], names["group"], names["job_type"], names["notes"], list(all_tags), values)
        silent: Run = made  # it has all calls of one
        silent._settings = settings
        silent._pid = os.getpid()
        _take(silent, reinit)
        return silent
    for key, value in (("entity", names["entity"]), ("job_type", names["job_type"])):
        if value:
            all_tags.setdefault(key, value)
    ignored = unused(given)
    if monitor_gym:
        ignored.append("monitor_gym")
    if dir is not None:
        once("dir", f"dir={os.fspath(dir)!r} is not used: runs lie in the project's .runs folder; run.dir keeps files with the run")
    for option in ignored:
        once(("ignored", option), f"{option} is not used; it stands in the run's tag 'ignored'" + (": videos are kept with run.save('videos/*.mp4')" if option == "monitor_gym" else ""))
    if ignored:
        all_tags.setdefault("ignored", " ".join(ignored)[:200])
    how = _resume(resume if resume is not None else given.get("resume") or env("RESUME"))
    line: dict[str, Any] = {}
    if params:
        line["p"] = {_values.key_of(str(k)): _values.param(v) for k, v in params.items()}
    if all_tags:
        line["tags"] = all_tags
    if names["notes"]:
        line["note"] = _values.text_of(names["notes"])
    run: Run | None = None
    outer = os.environ.get("RUNS_DIR") if os.environ.get("RUNS_ID") else None
    if outer and not _joined_once and reinit != "create_new" and parent is None:
        run = _join(outer, names, line, bool(allow_val_change), {"names": True, "experiment": project or "", "group": names["group"], "key": names["id"], "resume": how})
    if run is None:
        if parent is None and os.environ.get("RUNS_ID") and reinit != "create_new":
            parent = os.environ["RUNS_ID"]
        run = _start(names, project or "", line, how, parent, given, bool(allow_val_change))
    _joined_once = True
    run._key = names["id"]
    run._notes = names["notes"]
    run.entity, run.group, run.job_type = names["entity"], names["group"], names["job_type"]
    run._tags = tuple(t for t in all_tags if t not in ("entity", "job_type", "ignored"))
    run._settings = settings
    run._ignored = ignored
    if sync_tensorboard or tensorboard or given.get("sync_tensorboard") or _before_tensorboard is not None:
        run._tensorboard = {"dirs": list(_before_tensorboard or ())}
    _take(run, reinit)
    if given.get("console") in ("wrap", "wrap_raw", "wrap_emu", "redirect"):
        from ._console import capture

        capture(run)
    from ._notebook import attach_notebook

    attach_notebook(run)
    return run


def _pick(config: Any, include: Any, exclude: Any) -> dict[str, Any]:
    if include and exclude:
        raise UsageError("init: config_include_keys and config_exclude_keys exclude each other")
    values = _values.config_of(config)
    if include:
        return {k: v for k, v in values.items() if k in include}
    return {k: v for k, v in values.items() if k not in (exclude or ())}


def _tags(tags: Any) -> dict[str, Any]:
    if isinstance(tags, Mapping):
        return {_values.key_of(str(k)): _values.text_of(str(v)) for k, v in tags.items()}
    return {_values.key_of(str(t)): "yes" for t in ([tags] if isinstance(tags, str) else tags or ())}


def _resume(resume: Any) -> str:
    if resume in (None, False, "", "False", "false"):
        return ""
    if resume in (True, "auto", "True", "true"):
        return "auto"
    if resume in ("allow", "must", "never"):
        return str(resume)
    raise UsageError(f"init: resume {resume!r} is none of allow, must, never, auto")


def _silent_rank(given: dict[str, Any]) -> bool:
    """Whether this is a further process of torchrun, which stays silent unless Settings(all_ranks=True) asks for all.

    SLURM_PROCID alone does not count: the tasks of a job array are runs of their own.
    """
    try:
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        return False
    if rank <= 0 or size <= 1 or given.get("all_ranks"):
        return False
    once("rank", f"rank {rank} of {size} records nothing, rank 0 does; Settings(all_ranks=True) records all")
    return True


def _command() -> tuple[list[Any], str]:
    """The command that runs, and the program's file."""
    entry = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    words = list(getattr(sys, "orig_argv", ()) or [sys.executable, *sys.argv])
    from ._notebook import in_notebook, notebook_path

    if in_notebook():
        path = notebook_path()
        return [sys.executable], path
    if words:
        words[0] = sys.executable or words[0]
    if "-c" in words[:8]:  # the program is no file
        entry = ""
    return [w.encode("utf-8", "replace").decode() for w in words], os.path.abspath(entry) if entry and os.path.isfile(entry) else ""


def _start(names: dict[str, Any], project: str, line: dict[str, Any], how: str, parent: Any, given: dict[str, Any], allow: bool) -> Run:
    from ._binary import client
    from ._run import Run, rank_prefix

    command, entry = _command()
    request = {
        "pid": os.getpid(), "name": names["name"], "experiment": project, "group": names["group"], "key": names["id"],
        "parent": getattr(parent, "run_id", parent) or "", "resume": how, "command": command, "entry": entry, "allow_val_change": allow,
        "system": not (given.get("_disable_stats") or given.get("x_disable_stats")), "sidecar": os.environ.get("RUNS_SIDECAR", "1") != "0",
    }  # fmt: skip
    import time

    started = client("start", request, {"t": round(time.time(), 6), **line} if line else None)
    run = Run(started, prefix=rank_prefix() if given.get("all_ranks") else "", allow_val_change=allow)
    run._config._load(_loaded(run._config, line.get("p") or {}))
    for warning in started.get("warnings") or ():
        say(warning)
    if existing := started.get("existing"):
        _say_existing(names["id"], existing)
    short = run.run_id.rsplit("-", 1)[-1]
    title = f"{run._name} ({short})" if run._name else short
    resumed = started.get("resumed")
    say(f"recording {title}" + (f" from step {run._step}, going on with {resumed['id']}" if resumed else "") + f" in {_short(run._runs)}")
    return run


def _say_existing(key: str, existing: str) -> None:
    say(f"a run with the id {key!r} exists ({existing}); this is a new run of that id: resume='allow' would go on with it")


def _loaded(config: Any, params: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in params.items() if k not in config or config[k] != v}


def _short(path: str) -> str:
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return relative if not relative.startswith(os.pardir) else path


def _join(folder: str, names: dict[str, Any], line: dict[str, Any], allow: bool, belongs: dict[str, Any]) -> Run | None:
    """The run of RUNS_ID, or None where it is not there any more, or where the program goes on with a run of its own.

    belongs is what a program that begins says of the run, for what its starter has not named.
    """
    from ._errors import Error
    from ._run import join

    try:
        run, started = join(folder, allow, belongs)
    except Error as e:
        once("join", f"RUNS_ID names a run that cannot be joined ({e}); a new one is begun")
        return None
    if run is None:
        return None
    if existing := started.get("existing"):
        _say_existing(names["id"], existing)
    if names["name"] and names["name"] != run._name:
        if run._name:
            once("name", f"the run is called {run._name!r} by its starter; the name {names['name']!r} is not taken")
        else:
            run.name = names["name"]
    if "p" in line:
        run._config.update(line["p"], allow_val_change=allow)
    rest = {k: v for k, v in line.items() if k != "p"}
    # Where its starter said what experiment and group it belongs to, what the program says of them stands in tags.
    for tag, key in (("group", "group"), ("project", "experiment")):
        said = belongs.get(key)
        if said and said != started.get(key):
            rest.setdefault("tags", {})[tag] = _values.text_of(said)
    if rest:
        run._write(rest)
    return run


def _take(run: Any, reinit: Any) -> None:
    """Make run the one of the module, watch its end, and let child processes find it."""
    if not run.disabled:
        _end.install()
    if reinit == "create_new":
        return
    _live.bind(run)
    _before_config.clear()
    patch_before(None)


def patch_before(folder: str | None) -> None:
    """Keep a folder of event files, or none in particular with "", for the next run; None forgets what is kept."""
    global _before_tensorboard
    if folder is None:
        _before_tensorboard = None
    else:
        _before_tensorboard = [*(_before_tensorboard or ()), *([folder] if folder else ())]


def _hinting(call: Any) -> Any:
    """The call, whose error for an unknown keyword names the one that is nearest. Its signature stays what it is."""
    code = call.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def init(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                from difflib import get_close_matches

                close = get_close_matches(name, known, 1)
                raise TypeError(f"init() got an unexpected keyword argument {name!r}" + (f"; did you mean {close[0]}?" if close else ""))
        return call(*args, **kwargs)

    init.__wrapped__, init.__doc__, init.__module__ = call, call.__doc__, call.__module__  # type: ignore[attr-defined]
    return init


if not TYPE_CHECKING:
    init = _hinting(init)
