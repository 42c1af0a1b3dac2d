"""squawk, a second linter: for breadth. Its findings are added; a phase is never its to say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from davylamp.schema.lint.finding import Finding
from davylamp.schema.phases import Phase

DEADLINE_SECONDS = 60.0
_LEFT_OUT = frozenset(
    {
        # It asks for what we refuse: timeouts are the engine's, and IF NOT EXISTS hides an index
        # that a broken build left invalid.
        "require-lock-timeout",
        "require-statement-timeout",
        "require-timeout-settings",
        "prefer-robust-stmts",
        # Ours to say: what runs in which transaction, and what can't be read at all.
        "syntax-error",
        "transaction-nesting",
        "ban-concurrent-index-creation-in-transaction",
    }
)
"""Filtered here: squawk refuses to run when told to leave out a rule it doesn't know."""
_POSTGRES = "18"


@dataclass(frozen=True)
class Text:
    """SQL to look at, and how to speak of it."""

    file: str
    sql: str
    lines: tuple[int, ...] = ()
    """As in Revision."""


@dataclass(frozen=True)
class _Unusable(Exception):
    why: str


def squawk(texts: Sequence[Text], binary: Path | None = None) -> tuple[Finding, ...]:
    """Everything squawk says of some texts, in one run of it. Without a usable squawk one
    finding says so, and that is all: the rules of our own have judged already.

    `binary`: by default the one of this environment, else of PATH.
    """
    found = binary or _binary()
    if found is None:
        return (_unusable("is not installed"),)
    try:
        with tempfile.TemporaryDirectory(prefix="davylamp-squawk-") as folder:
            by_name = _write(texts, Path(folder))
            return tuple(_findings(_run(found, Path(folder)), by_name))
    except _Unusable as error:
        return (_unusable(error.why),)
    except OSError as error:
        return (_unusable(f"cannot be run ({error.strerror})"),)


def _binary() -> Path | None:
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if beside.is_file() else shutil.which("squawk")
    return Path(found) if found else None


def _write(texts: Sequence[Text], folder: Path) -> dict[str, Text]:
    by_name: dict[str, Text] = {}
    for number, text in enumerate(texts):
        name = f"{number:06}.sql"
        (folder / name).write_text(text.sql, encoding="utf-8")
        by_name[name] = text
    return by_name


def _run(binary: Path, folder: Path) -> list[dict[str, Any]]:
    argv = [str(binary), "--reporter", "json", "--pg-version", _POSTGRES]
    argv += ["--no-error-on-unmatched-pattern", str(folder / "*.sql")]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=False,
            cwd=folder,  # no configuration file of anybody's
            env={"LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise _Unusable(f"did not end within {DEADLINE_SECONDS:g} s") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.decode(errors="replace").strip()[-200:]
        raise _Unusable(f"ended with {done.returncode}: {said or 'no JSON'}") from error
    if not isinstance(answer, list):
        raise _Unusable("gave an answer that isn't a list")
    return cast("list[dict[str, Any]]", answer)


def _findings(
    answer: Sequence[Mapping[str, Any]], by_name: Mapping[str, Text]
) -> Iterator[Finding]:
    for one in answer:
        text = by_name.get(Path(str(one.get("file", ""))).name)
        if text is not None and one.get("rule_name") not in _LEFT_OUT:
            yield _finding(one, text)


def _finding(one: Mapping[str, Any], text: Text) -> Finding:
    # squawk counts lines from 0.
    line = int(one.get("line") or 0) + 1
    written = text.sql.splitlines()
    help_text = str(one.get("help") or "")
    return Finding(
        rule=f"squawk/{one.get('rule_name', 'unknown')}",
        phase=Phase.NONE,  # not its to say
        file=text.file,
        line=text.lines[line - 1] if 0 < line <= len(text.lines) else line,
        statement=written[line - 1].strip() if 0 < line <= len(written) else "",
        message=str(one.get("message") or ""),
        advice=f"-- {help_text}" if help_text else "",
    )


def _unusable(why: str) -> Finding:
    return Finding(
        rule="squawk-unusable",
        phase=Phase.NONE,
        file="",
        line=0,
        statement="",
        message=f"squawk {why}: only our own rules were applied, which decide the phase anyway",
        advice="-- install the package squawk-cli to have its findings too",
    )
