"""The errors of the client, named as W&B names them, so that scripts that catch them keep working."""

from __future__ import annotations


class Error(Exception):
    """Any error of the client. Its text is one sentence and, where one helps, a next step."""


class CommError(Error):
    """The `runs` program cannot be started, or could not do what it was asked for."""


class UsageError(Error):
    """A call that is not allowed here: before init, after finish, or with values that contradict each other."""


class ConfigError(Error):
    """A config value was set to another value without allow_val_change."""


class NotFoundError(Error):
    """A selector names no run, or several where one was asked for."""
