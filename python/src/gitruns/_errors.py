"""The exceptions of the client. They have W&B's names, so that scripts that catch those keep working.

Imports no other module of the package.
"""

from __future__ import annotations


class Error(Exception):
    """Any error of the client.

    Its text says what was being done, to what, and why it failed, with a next step if one helps.
    """


class CommError(Error):
    """The program `runs` could not be started, or failed."""


class UsageError(Error):
    """A call is not allowed at this point, or its arguments contradict each other."""


class ConfigError(Error):
    """A param would change its value without allow_val_change."""


class NotFoundError(Error):
    """A selector matches no run, or several runs although only one is allowed."""
