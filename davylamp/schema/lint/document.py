"""A lint as the JSON document that `davylamp schema lint` prints."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from davylamp.schema.lint.folder import Lint
from davylamp.schema.squawk import Text, squawk

if TYPE_CHECKING:
    from davylamp.schema.lock_trace import Trace


def with_squawk(found: Lint) -> Lint:
    """The same lint with squawk's findings beside our own; no phase is another by them."""
    texts = [Text(one.file, one.sql, one.lines) for one in found.sources]
    if not any(one.sql.strip() for one in texts):
        return found
    more = squawk(texts)
    files = tuple(
        replace(one, findings=one.findings + tuple(f for f in more if f.file == one.file))
        for one in found.files
    )
    return replace(found, files=files, beside=tuple(f for f in more if not f.file))


def lint_document(found: Lint) -> dict[str, Any]:
    findings = [one for file in found.files for one in file.findings] + list(found.beside)
    document: dict[str, Any] = {
        "phase": found.phase.value,
        "findings": [{**asdict(one), "phase": one.phase.value} for one in findings],
    }
    if found.is_folder:
        document["files"] = [{"file": one.file, "phase": one.phase.value} for one in found.files]
    return document


def trace_document(found: Trace) -> dict[str, Any]:
    return {
        "file": found.file,
        "line": found.line,
        "statement": found.statement,
        "locks": [{"relation": relation, "mode": mode} for relation, mode in found.seen.locks],
        "rewrites": list(found.seen.rewrites),
        "scans": list(found.seen.scans),
        "note": found.note,
    }
