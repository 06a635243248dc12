"""The client's version, and what it shares with the `runs` program."""

__version__ = "0.1.0"

PROTOCOL = 1  # of `runs client`
FORMAT = 1  # of journals and records
