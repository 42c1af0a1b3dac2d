"""The planner's answer for people: advice first, then what each fraction shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.judge.plan_week import DAYS


def show(console: Console, document: Mapping[str, Any]) -> None:
    console.print(Text(f"{document['strategy'].replace('_', ' ')}: {document['advice']}\n"))
    console.print(_fractions(document))
    hours = document.get("hours")
    if hours:
        enough = sum(hour["suffices"] for hour in hours)
        console.print(
            Text(f"\n{enough} of 168 hours of the week suffice; least % of the users, by hour:")
        )
        console.print(_week(hours))


def _fractions(document: Mapping[str, Any]) -> Table:
    window = document["asked_window_seconds"]
    has_latency = "latency_factor" in document
    columns = ["users", "requests/s", "errors seen, median", "95 %", "bad from the start, 95 %"]
    columns += ["promotable, 95 %", f"within {window} s"]
    if has_latency:
        columns.append(f"latency × {document['latency_factor']:g}, 95 %")
    table = Table(*columns, title=_title(document))
    for row in document["fractions"]:
        cells = [f"{100 * row['fraction']:g} %", f"{row['canary_rps']:g}"]
        cells += [
            _seconds(row[name])
            for name in (
                "seconds_to_detect_p50",
                "seconds_to_detect_p95",
                "seconds_to_detect_from_start_p95",
                "seconds_to_promote",
            )
        ]
        cells.append(_within(row["detects_within_window"], row["promotes_within_window"]))
        if has_latency:
            cells.append(_seconds(row["seconds_to_detect_latency_p95"]))
        style = "bold" if row["fraction"] == document["fraction"] else None
        table.add_row(*cells, style=style)
    return table


def _title(document: Mapping[str, Any]) -> str:
    return (
        f"{document['rps']:g} requests/s, {100 * document['base_error_rate']:g} % errors usual, "
        f"{100 * document['detect_error_rate']:g} % to be seen (seconds)"
    )


def _seconds(seconds: int | None) -> str:
    return "–" if seconds is None else f"{seconds:,}"


def _within(detects: bool, promotes: bool) -> str:
    said = {
        (True, True): "both",
        (True, False): "detects only",
        (False, True): "promotes only",
        (False, False): "neither",
    }
    return said[detects, promotes]


def _week(hours: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("", *(f"{h:02d}" for h in range(24)), padding=(0, 0), collapse_padding=True)
    for i, day in enumerate(DAYS):
        of_day = hours[24 * i : 24 * (i + 1)]
        table.add_row(day, *(_least(hour) for hour in of_day))
    return table


def _least(hour: Mapping[str, Any]) -> str:
    if hour["rps"] is None:
        return "?"
    return f"{100 * hour['fraction']:g}" if hour["suffices"] else "–"
