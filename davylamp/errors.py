"""The one hierarchy of errors. A message says what, where, and what to do next."""

from __future__ import annotations


class DavylampError(Exception):
    """Anything Davylamp itself has to say. `exit_code` is what the command line ends with."""

    exit_code = 1


class Refused(DavylampError):
    """What was asked for is understood, and is not going to happen."""

    exit_code = 1


class FencedOff(Refused):
    """Somebody else holds the route now: the fencing token or the lease is no longer valid."""


class BadInput(DavylampError):
    """What was handed in is wrong; nothing was changed."""

    exit_code = 2


class Unreachable(DavylampError):
    """Something Davylamp depends on did not answer in time."""

    exit_code = 3
