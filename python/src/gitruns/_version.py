"""The version of the client, and the numbers that it shares with the program `runs`."""

__version__ = "0.1.0"

PROTOCOL = 1  # the protocol of `runs client`
FORMAT = 1  # the format of journals and records
