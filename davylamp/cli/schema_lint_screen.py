"""A lint on a screen: what is refused first, with the safe way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_STYLES = {"refused": "bold red", "contract": "yellow", "migrate": "cyan", "expand": "green"}
_LONGEST_STATEMENT = 500


def show(console: Console, document: Mapping[str, Any]) -> None:
    for finding in document["findings"]:
        _show_finding(console, finding)
    if "files" in document:
        console.print(_files(document))
    if "traces" in document:
        console.print(_traces(document))
    phase = document["phase"]
    count = sum(one["phase"] == "refused" for one in document["findings"])
    said = f", {count} finding{'s' * (count != 1)} refused" if count else ""
    console.print(Text(f"phase: {phase}{said}", style=_STYLES.get(phase, "")))


def _show_finding(console: Console, finding: Mapping[str, Any]) -> None:
    place = f"{finding['file']}:{finding['line']}" if finding["line"] else finding["file"]
    head = Text(place or "-", style="bold")
    head.append(f"  {finding['phase']}", style=_STYLES.get(finding["phase"], ""))
    head.append(f"  {finding['rule']}", style="dim")
    console.print(head)
    if finding["statement"]:
        statement = finding["statement"]
        cut = statement[:_LONGEST_STATEMENT] + " …" * (len(statement) > _LONGEST_STATEMENT)
        console.print(_indented(cut, 2))
    console.print(_indented(finding["message"], 2))
    if finding["advice"]:
        console.print(_indented("instead:" if finding["phase"] == "refused" else "note:", 2))
        console.print(_indented(finding["advice"], 4))
    console.print()


def _indented(text: str, columns: int) -> Padding:
    return Padding(_plain(text), (0, 0, 0, columns), expand=False)


def _files(document: Mapping[str, Any]) -> Table:
    table = Table("file", "phase", box=None, pad_edge=False)
    for one in document["files"]:
        table.add_row(_plain(one["file"]), Text(one["phase"], _STYLES.get(one["phase"], "")))
    return table


def _traces(document: Mapping[str, Any]) -> Table:
    table = Table("where", "locks", "rewrites", "scans", "note", title="seen on a database")
    for one in document["traces"]:
        locks = "\n".join(f"{lock['relation']}: {lock['mode']}" for lock in one["locks"])
        rewrites, scans = ("\n".join(one[name]) for name in ("rewrites", "scans"))
        cells = (f"{one['file']}:{one['line']}", locks, rewrites, scans, one["note"])
        table.add_row(*(_plain(cell) for cell in cells))
    return table


def _plain(text: str) -> Text:
    """Text from outside: no markup, and nothing a terminal cannot take."""
    return Text("".join(c if c.isprintable() or c == "\n" else "?" for c in text))
