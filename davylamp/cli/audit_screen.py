"""The audit's answer for people: the worst first, each with what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.audit.findings import Finding, Severity
from davylamp.audit.run import Audit
from davylamp.audit.waivers import ShownWaiver, WaiverState

_MOST = 200
"""Findings shown; --json has them all."""
_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow"}


def show(console: Console, audit: Audit) -> None:
    if audit.findings:
        console.print(_findings(audit.findings[:_MOST]))
    if len(audit.findings) > _MOST:
        console.print(f"and {len(audit.findings) - _MOST:,} more; --json has them all")
    if audit.waivers:
        console.print(_waivers(audit.waivers))
    console.print(Text(_summary(audit)))


def _findings(findings: Sequence[Finding]) -> Table:
    table = Table(title="findings", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("severity", "code", "service", "instance"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", ratio=1, overflow="fold")
    table.add_column("what to do next", ratio=1, overflow="fold")
    for one in findings:
        table.add_row(
            Text(one.severity.value, style=_STYLES[one.severity]),
            one.code,
            _plain(one.service or "the fleet"),
            _plain(one.instance or ""),
            _plain(one.detail),
            _plain(one.next),
        )
    return table


def _waivers(waivers: Sequence[ShownWaiver]) -> Table:
    table = Table(title="waivers", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("state", "code", "where", "owner", "expires", "waives", "reason"):
        table.add_column(name)
    for one in waivers:
        w = one.waiver
        where = " ".join(filter(None, (w.service or "the fleet", w.instance)))
        style = "" if one.state is WaiverState.ACTIVE else "yellow"
        cells = (one.state.value, w.code, where, w.owner, f"{w.expires:%Y-%m-%d %H:%M}")
        row = [_plain(text) for text in (*cells, str(len(one.waived)), w.reason)]
        table.add_row(*row, style=style)
    return table


def _summary(audit: Audit) -> str:
    count = Counter(one.severity for one in audit.findings)
    waived = f", {len(audit.waived):,} waived" if audit.waived else ""
    return (
        f"{count[Severity.CRITICAL]:,} critical, {count[Severity.WARNING]:,} warnings{waived}; "
        f"{audit.seen_instances:,} instances seen"
    )


def _plain(text: str) -> Text:
    """Text from outside: no markup, and nothing a terminal cannot take."""
    return Text("".join(c if c.isprintable() else "?" for c in text))
