"""What a rule says of a statement."""

from __future__ import annotations

from dataclasses import dataclass

from davylamp.schema.phases import Phase


@dataclass(frozen=True)
class Verdict:
    """A statement's phase by one rule. Without a message there is nothing to report."""

    rule: str
    phase: Phase
    message: str = ""
    """Why."""
    advice: str = ""
    """The safe way, as SQL for this very statement; what isn't SQL stands in comments."""


def nothing(rule: str) -> Verdict:
    """It changes nothing of the shape."""
    return Verdict(rule, Phase.NONE)


def expand(rule: str, message: str = "", advice: str = "") -> Verdict:
    return Verdict(rule, Phase.EXPAND, message, advice)


def migrate(rule: str, message: str = "", advice: str = "") -> Verdict:
    return Verdict(rule, Phase.MIGRATE, message, advice)


def contract(rule: str, message: str, advice: str = "") -> Verdict:
    return Verdict(rule, Phase.CONTRACT, message, advice)


def refuse(rule: str, message: str, advice: str) -> Verdict:
    return Verdict(rule, Phase.REFUSED, message, advice)
