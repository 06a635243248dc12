"""Settings of a run: those that the client uses, and a word about those that it does not."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

# What changes nothing that is recorded: how W&B reaches its server and starts its service.
_HARMLESS = frozenset(
    "api_key base_url start_method init_timeout login_timeout console_multipart disable_git git_remote https_proxy http_proxy "
    "symlink root_dir x_service_transport x_service_wait _service_wait x_internal_check_process x_executable x_require_core "
    "x_file_stream_timeout_seconds x_graphql_timeout_seconds x_file_stream_retry_max quiet strict show_colors show_errors show_info show_warnings program "
    "program_relpath save_code code_dir max_end_of_run_history_metrics max_end_of_run_summary_metrics disable_job_creation job_name "
    "x_update_finish_state reinit _disable_meta x_disable_meta x_primary _disable_update_check disable_update_check".split()
)
_USED = frozenset(
    "all_ranks silent console mode project entity run_id run_name run_group run_job_type run_notes run_tags resume config_paths "
    "_disable_stats x_disable_stats disabled sync_tensorboard allow_val_change".split()
)


class Settings:
    """Settings(**any): what init(settings=) takes, as attributes. A dict does as well.

    Used are: all_ranks (record in every process of torchrun, not only in rank 0: into one run under `runs exec -- torchrun …`, else
    each into a run of its own, in one group and with the tag rank), silent, mode, console ("wrap" keeps what
    the process prints; `runs exec` does it without), x_disable_stats (no samples of the machine), and project, entity,
    run_id, run_name, run_group, run_job_type, run_notes, run_tags, resume where init does not say them. Whatever else is given and
    would change what is recorded is said on stderr, and stands in the run's tag `ignored`.
    """

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def __repr__(self) -> str:
        return "Settings(" + ", ".join(f"{k}={v!r}" for k, v in vars(self).items()) + ")"

    def update(self, *others: Any, **more: Any) -> None:
        """Set further settings."""
        for other in others:
            self.__dict__.update(as_dict(other))
        self.__dict__.update(more)


def as_dict(settings: Any) -> dict[str, Any]:
    """The settings that are given: a Settings, a dict, an object with attributes, None."""
    if settings is None:
        return {}
    if isinstance(settings, dict):
        return {k: v for k, v in settings.items() if v is not None}
    return {k: v for k, v in vars(settings).items() if v is not None}


def unused(settings: dict[str, Any]) -> list[str]:
    """The names of settings that the client takes and does not use, and that would change what is recorded."""
    return sorted(k for k in settings if k not in _USED and k not in _HARMLESS)


def env(name: str) -> str:
    """The environment variable RUNS_<name>, else WANDB_<name>, else ''. Keys of an account are never read."""
    return os.environ.get("RUNS_" + name, "") or os.environ.get("WANDB_" + name, "")


def yes(text: str) -> bool:
    """Whether a variable's text says yes."""
    return text.strip().lower() in ("1", "true", "yes", "on", "t", "y")
