"""Settings: the options of init(settings=) and of the environment.

Each setting is in one of three groups: used, harmless (nothing that is recorded depends on it), or reported as not
used. Imports no other module of the package.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

# How W&B reaches its server and starts its service: nothing that is recorded depends on it.
_HARMLESS = frozenset(
    """
    api_key base_url start_method init_timeout login_timeout console_multipart disable_git git_remote https_proxy
    http_proxy symlink root_dir x_service_transport x_service_wait _service_wait x_internal_check_process x_executable
    x_require_core x_file_stream_timeout_seconds x_graphql_timeout_seconds x_file_stream_retry_max quiet strict
    show_colors show_errors show_info show_warnings program program_relpath save_code code_dir
    max_end_of_run_history_metrics max_end_of_run_summary_metrics disable_job_creation job_name x_update_finish_state
    reinit _disable_meta x_disable_meta x_primary _disable_update_check disable_update_check
    """.split()
)
_USED = frozenset(
    """
    all_ranks silent console mode project entity run_id run_name run_group run_job_type run_notes run_tags resume
    config_paths _disable_stats x_disable_stats disabled sync_tensorboard allow_val_change
    """.split()
)


class Settings:
    """Options of a run, for init(settings=). A dict works as well.

    An option that is not used and would change what is recorded is reported on stderr and named in the run's tag
    `ignored`.

    Args:
        all_ranks: Record in every process of torchrun, not only in rank 0. Under `runs exec -- torchrun …` all
            processes record into one run. Without it each has its own run, in one group and with the tag `rank`.
        silent: Print no messages.
        mode: "online", "offline", "shared" or "disabled", if init has no mode.
        console: "wrap" keeps what the process prints. `runs exec` keeps it without this setting.
        x_disable_stats: Record no machine samples.
        project, entity, run_id, run_name, run_group, run_job_type, run_notes, run_tags, resume: Used if init does not
            have the corresponding argument.
    """

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def __repr__(self) -> str:
        return "Settings(" + ", ".join(f"{k}={v!r}" for k, v in vars(self).items()) + ")"

    def update(self, *others: Any, **more: Any) -> None:
        """Set further options, from other settings and from keywords."""
        for other in others:
            self.__dict__.update(as_dict(other))
        self.__dict__.update(more)


def as_dict(settings: Any) -> dict[str, Any]:
    """Return the options of a Settings, a dict, another object or None.

    Options that are None are left out.
    """
    if settings is None:
        return {}
    if isinstance(settings, dict):
        return {k: v for k, v in settings.items() if v is not None}
    return {k: v for k, v in vars(settings).items() if v is not None}


def unused(settings: dict[str, Any]) -> list[str]:
    """Return the names of settings that are not used but would change the record."""
    return sorted(k for k in settings if k not in _USED and k not in _HARMLESS)


def env(name: str) -> str:
    """Return the variable RUNS_<name>, otherwise WANDB_<name>, otherwise ''.

    The client never reads WANDB_API_KEY.
    """
    return os.environ.get("RUNS_" + name, "") or os.environ.get("WANDB_" + name, "")


def yes(text: str) -> bool:
    """Report whether the text of a variable means yes."""
    return text.strip().lower() in ("1", "true", "yes", "on", "t", "y")
