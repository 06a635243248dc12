"""init(): what a run is called, whether it is recorded, and the one call of the binary that begins it."""

from __future__ import annotations

import os
import sys

from . import _end, _live, _say, _values
from ._errors import UsageError
from ._say import once, say
from ._settings import as_dict, env, unused, yes

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

    from ._run import Run

_OWN_TAGS = ("entity", "job_type", "ignored", "lost_rows", "project", "group")  # that the client sets
_MAX_FIRST = 2 << 20  # bytes of what init tells the binary of a run
_MAX_COMMAND = 512 << 10  # characters
_NUMBERED = ("id", "name", "group")  # jobs have numbers
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

    Source, environment, machine and command are recorded by the `runs` program in one call. Inside a run that RUNS_ID names
    the first init of a process joins it where `runs exec` or `runs start` began it. Where the init of a parent process did, the
    run is one of its own that is part of that one, unless mode="shared" or the same id asks for that very run.

    project is the run's experiment (default: the name of the repository's folder), id its key, group, name and notes as they
    are, tags a list (or a dict of text), entity and job_type tags. config: see config.update. mode: "disabled" records nothing;
    online and offline are the same, shared joins the run of a parent process. reinit: "finish_previous" or True ends the active
    run, "create_new" gives a further one that is not gitruns.run, else the active run is returned, with a word on what of this
    call is not used (a notebook ends it). resume: never, allow, must, auto or True. settings: see Settings. parent: the run, or
    its id, that the new one is part of. save_code has been done by the capture of the source. sync_tensorboard takes over what
    TensorBoard event files say.

    Raises TypeError for an unknown keyword and for a text that is none, UsageError for values that contradict each other or an
    id that exists (resume="never") or does not (resume="must"), ConfigError for a param of a resumed run that would change with
    allow_val_change=False, CommError where the project cannot be written or the program `runs` is missing.
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
            raise TypeError(f"init: {key} is a text, not {type(text).__name__}")
    given = as_dict(settings)
    if resume_from or fork_from:
        raise UsageError(
            "init: resume_from and fork_from rewind a run on a server; a recorded run is not rewritten: start a new one with parent= or id=…, resume='allow'"
        )
    mode = (
        mode
        or given.get("mode")
        or env("MODE")
        or ("disabled" if yes(os.environ.get("WANDB_DISABLED", "")) or given.get("disabled") else "")
    )
    modes = ("", "online", "offline", "shared", "disabled", "dryrun", "run")
    if mode not in modes:
        raise UsageError(f"init: mode {mode!r} is none of online, offline, shared, disabled")
    if given.get("silent"):
        _say.silent = True
    picked = _pick(config, config_include_keys, config_exclude_keys)
    all_tags = _values.tags_of(
        tags if tags is not None else given.get("run_tags") or [t for t in env("TAGS").split(",") if t]
    )
    active: Run | None = _live.active()
    if reinit not in (None, True, False, "default", "return_previous", "finish_previous", "create_new"):
        raise UsageError(f"init: reinit {reinit!r} is none of return_previous, finish_previous, create_new")
    if (
        active is not None
        and active._state == ""
        and reinit != "create_new"
        and getattr(active, "_pid", os.getpid()) == os.getpid()
    ):
        from ._notebook import in_notebook

        if reinit in (True, "finish_previous") or reinit in (None, "default") and in_notebook():
            active.finish()
        else:
            said = {
                "name": name,
                "project": project,
                "id": id,
                "group": group,
                "job_type": job_type,
                "entity": entity,
                "notes": notes,
                "tags": tags,
            }
            _return_active(active, said, picked, bool(allow_val_change))
            return active
    params = {**_before_config, **picked}
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
    quiet = mode == "disabled" or _silent_rank(given)
    if quiet:
        from ._disabled import DisabledRun

        values = _values.params_of(params)
        made: Any = DisabledRun(
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
    if dir is None and (folder := os.environ.get("WANDB_DIR")):
        once(
            "dir", f"WANDB_DIR={folder!r} is not used: runs lie in the project's .runs folder (RUNS_REPO names another)"
        )
    if dir is not None:
        once(
            "dir",
            f"dir={os.fspath(dir)!r} is not used: runs lie in the project's .runs folder; run.dir keeps files with the run",
        )
    for option in ignored:
        once(
            ("ignored", option),
            f"{option} is not used; it stands in the run's tag 'ignored'"
            + (": videos are kept with run.save('videos/*.mp4')" if option == "monitor_gym" else ""),
        )
    if ignored:
        all_tags.setdefault("ignored", " ".join(ignored)[:200])
    how = _resume(resume if resume is not None else given.get("resume") or env("RESUME"))
    if how == "allow" and not names["id"]:
        how = ""  # there is nothing to go on with
    line: dict[str, Any] = {}
    over: list[str] = []
    if params:
        from ._bounds import MAX_PARAMS, named, within

        whole = _values.params_of(params)
        line["p"], _ = within(whole, MAX_PARAMS, over)
    if all_tags:
        line["tags"] = all_tags
    if names["notes"]:
        line["note"] = names["notes"]
    later: dict[str, Any] = {}
    if line:
        from ._bounds import size

        if size(line) > _MAX_FIRST:  # the journal takes it in parts
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
        belongs = {"experiment": project or "", "group": names["group"], "key": names["id"], "resume": how}
        run = _join(outer, names, line, bool(allow_val_change), belongs)
    if run is None:
        if parent is None and os.environ.get("RUNS_ID") and reinit != "create_new":
            parent = os.environ["RUNS_ID"]
        if given.get("all_ranks") and (rank := _of_ranks(names)):
            all_tags.setdefault("rank", rank)
            if "tags" not in later:
                line["tags"] = all_tags
        run = _start(names, project, line, how, parent, given, allow_val_change)
    if later:
        run._write({k: v for k, v in later.items() if k != "p"})
        run._config._merge(later.get("p") or {}, bool(how))
    if over:
        run._lose(len(over))
        run._config._load({k: v for k, v in whole.items() if k not in run._config}, recorded=False)
        say(f"NOT RECORDED: config.{named(over)}: a record holds 10,000 values of a config; what is lost is counted")
    _joined_once = True
    run._key = names["id"]
    run._notes = names["notes"]
    run.entity, run.group, run.job_type = names["entity"], names["group"], names["job_type"]
    run._tags = tuple(dict.fromkeys([*run._tags, *(t for t in all_tags if t not in _OWN_TAGS)]))
    run._settings = settings
    run._ignored = ignored
    from ._notebook import attach_notebook, in_notebook

    if in_notebook() and allow_val_change is not False:  # cells are run again
        object.__setattr__(run._config, "_allow", True)
    if sync_tensorboard or tensorboard or given.get("sync_tensorboard") or _before_tensorboard is not None:
        run._tensorboard = {"dirs": list(_before_tensorboard or ())}
    _take(run, reinit)
    if (given.get("console") or env("CONSOLE")) in ("wrap", "wrap_raw", "wrap_emu", "redirect"):
        from ._console import capture

        capture(run)
    attach_notebook(run)
    return run


def _pick(config: Any, include: Any, exclude: Any) -> dict[str, Any]:
    if include and exclude:
        raise UsageError("init: config_include_keys and config_exclude_keys exclude each other")
    values = _values.config_of(config)
    if include:
        return {k: v for k, v in values.items() if k in include}
    return {k: v for k, v in values.items() if k not in (exclude or ())}


def _clean(key: str, text: str) -> str:
    """A name as the record may hold it: never an error for what is in it."""
    if key == "notes":
        return _values.long_text(text, "the note")
    return _values.key_of(text) if key == "id" else _values.label_of(text, key)


def _return_active(run: Run, said: dict[str, Any], config: dict[str, Any], allow: bool) -> None:
    """init() beside a run in progress is that run. What it says and the run is not called is named; its config is added."""
    from ._bounds import named

    ignored = [
        k
        for k, v in said.items()
        if v not in (None, "", False, getattr(run, k, None))
        and not (k == "tags" and set(_values.tags_of(v)) <= set(run.tags))
    ]
    if run.disabled:
        run.config.update(config, allow_val_change=True)
        ignored = []
    else:
        ignored += [f"config.{k}" for k in run._config._merge(config, allow)]
    if ignored:
        say(f"run {run.name} is active; not used: {named(ignored)}; finish() it or reinit='create_new'")


def _joins(id: str, how: str, mode: str, given: dict[str, Any]) -> bool:
    """Whether this process is part of the run that RUNS_ID names, and not one with a run of its own.

    Those that `runs exec` or `runs start` began share it. A program that a program with a run starts has a run of its own
    that is part of that one, unless it is told to share, names the same id, or is a further rank of the same training.
    """
    if not _by_client():
        return True
    begun = os.environ["RUNS_STARTED_BY"].split(" ", 1)
    if id and id in (begun[-1], begun[0], begun[0].rpartition("-")[2]):
        return True
    if id or how:
        return False
    return mode == "shared" or yes(os.environ.get("RUNS_JOIN", "")) or _rank()[0] > 0


def _by_client() -> bool:
    """Whether a client's init began the run of RUNS_ID, and not `runs exec` or `runs start`."""
    return os.environ.get("RUNS_STARTED_BY", "").split(" ", 1)[0] == os.environ["RUNS_ID"]


def _rank() -> tuple[int, int]:
    """The rank of this process and how many there are: 0 of 1 where it is none of several."""
    try:
        # Lightning names only the local rank of the processes that it starts.
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
    raise UsageError(f"init: resume {resume!r} is none of allow, must, never, auto")


def _silent_rank(given: dict[str, Any]) -> bool:
    """Whether this is a further process of torchrun, which stays silent unless Settings(all_ranks=True) asks for all.

    SLURM_PROCID alone does not count: the tasks of a job array are runs of their own.
    """
    rank, size = _rank()
    if rank <= 0 or size <= 1 or given.get("all_ranks"):
        return False
    once("rank", f"rank {rank} of {size} records nothing; Settings(all_ranks=True) records all")
    return True


def _of_ranks(names: dict[str, str]) -> str:
    """The rank of a process that begins a run of its own beside those of other ranks, '' where there are no others. What
    all ranks know of their training becomes the group, where none is given."""
    rank, size = _rank()
    if size <= 1:
        return ""
    # Without --rdzv-id torchrun calls every training "none".
    training = os.environ.get("TORCHELASTIC_RUN_ID", "")
    port = os.environ.get("MASTER_PORT", "")
    names["group"] = names["group"] or _clean(
        "group", training if training not in ("", "none") else f"ranks-{port}" if port else ""
    )
    once("ranks", f"rank {rank} has its own run; 'runs exec -- torchrun …' makes one of all")
    return str(rank)


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
    words = [w.encode("utf-8", "replace").decode() for w in words]
    while len(words) > 1 and sum(map(len, words)) > _MAX_COMMAND:
        once("command", "the command is longer than a record can hold: its end is cut")
        words = [*words[: len(words) // 2], "…"] if len(words) > 3 else [_values.text_of(w, 1000) for w in words]
    return words, os.path.abspath(entry) if entry and os.path.isfile(entry) else ""


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
    from ._run import Run, rank_prefix

    command, entry = _command()
    request = {
        "pid": os.getpid(), "name": names["name"], "experiment": project, "group": names["group"], "key": names["id"],
        "parent": getattr(parent, "run_id", parent) or "", "resume": how, "command": command, "entry": entry, "allow_val_change": allow is not False if how else bool(allow),
        "system": not (given.get("_disable_stats") or given.get("x_disable_stats")), "sidecar": os.environ.get("RUNS_SIDECAR", "1") != "0",
    }  # fmt: skip
    import time

    started = client("start", request, {"t": round(time.time(), 6), **line} if line else None)
    run = Run(started, prefix=rank_prefix() if given.get("all_ranks") else "", allow_val_change=bool(allow))
    run._config._load(_loaded(run._config, line.get("p") or {}))
    for warning in started.get("warnings") or ():
        say(warning)
    if existing := started.get("existing"):
        _say_existing(names["id"], existing)
    short = run.run_id.rsplit("-", 1)[-1]
    title = f"{run._name} ({short})" if run._name else short
    resumed = started.get("resumed")
    if changed := (resumed or {}).get("changed"):
        from ._bounds import named

        say(f"config changed: {named(changed)}; new values count (allow_val_change=False refuses)")
    say(
        f"recording {title}"
        + (f" from step {run._step}, going on with {resumed['id'].rpartition('-')[2]}," if resumed else "")
        + f" in {_short(run._runs)}"
    )
    return run


def _say_existing(key: str, existing: str) -> None:
    say(
        f"a run with the id {key!r} exists ({existing}); this is a new run of that id: resume='allow' would go on with it"
    )


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
        # What a client's init began has its names.
        run, started = join(folder, allow, None if _by_client() else {"names": True, **belongs})
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
    for key, (is_, said) in run._config._merge(line.get("p") or {}, allow).items():
        once(
            ("conflict", key),
            f"config.{key} is {_values.repr_of(is_)} by the run's starter (runs exec -p, or init of another process) and stays so; the program's {_values.repr_of(said)} is recorded beside it as a conflict",
        )
        run._write({"p": _nested(key, said)})
    rest = {k: v for k, v in line.items() if k != "p"}
    # Where its starter said what experiment and group it belongs to, what the program says of them stands in tags.
    for tag, key in (("group", "group"), ("project", "experiment")):
        said = belongs.get(key)
        if said and said != started.get(key):
            rest.setdefault("tags", {})[tag] = _values.text_of(said)
    if rest:
        run._write(rest)
    return run


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    *tables, last = dotted.split(".")
    values = {last: value}
    for table in reversed(tables):
        values = {table: values}
    return values


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
                raise TypeError(
                    f"init() got an unexpected keyword argument {name!r}"
                    + (f"; did you mean {close[0]}?" if close else "")
                )
        return call(*args, **kwargs)

    init.__wrapped__, init.__doc__, init.__module__ = call, call.__doc__, call.__module__  # type: ignore[attr-defined]
    return init


if not TYPE_CHECKING:
    init = _hinting(init)
