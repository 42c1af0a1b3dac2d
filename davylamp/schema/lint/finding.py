"""Finding: what there is to say about one place of one file."""

from __future__ import annotations

from dataclasses import dataclass

from davylamp.schema.phases import Phase


@dataclass(frozen=True)
class Finding:
    """`phase` is where the statement belongs; refused when it may not be run at all."""

    rule: str
    phase: Phase
    file: str
    line: int
    """From 1; 0 when it is about the file as a whole."""
    statement: str
    message: str
    """Why."""
    advice: str = ""
    """The safe way, as SQL; what isn't SQL stands in comments."""


@dataclass(frozen=True)
class FileVerdict:
    """One file's phase, and what was found in it."""

    file: str
    phase: Phase
    findings: tuple[Finding, ...] = ()
