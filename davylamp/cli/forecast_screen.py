"""The forecast for people: the arithmetic, the harm by strategy, and what would help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(console: Console, document: Mapping[str, Any]) -> None:
    _show_one(console, document, "assumed")
    own = document.get("from_ledger")
    if own:
        console.print(Text(_figures(own["figures"])))
        _show_one(console, own["forecast"], "by the ledger's figures")


def _show_one(console: Console, found: Mapping[str, Any], whose: str) -> None:
    a = found["assumptions"]
    console.print(
        Text(
            f"{whose}: {a['deploys_per_day']:,.4g} deploys a day, {a['p_bad']:.3%} of them bad: "
            f"{found['crippling_per_year_full_blast']:,.4g} a year hit everybody; with a canary "
            f"that catches {a['catch_rate']:.4g} on {a['fraction']:.1%} of the users, "
            f"{found['crippling_per_year_canary']:,.4g} do, and in all it is as bad as "
            f"{found['impact_per_year_canary']:,.4g}\n"
        )
    )
    console.print(_harm(found["harmed_user_minutes_per_year"]))
    console.print(_levers(found))


def _harm(harm: Mapping[str, Mapping[str, float]]) -> Table:
    table = _table("harmed user-minutes a year", "strategy", "expected", "5 %", "median", "95 %")
    for strategy, one in harm.items():
        figures = (one[k] for k in ("expected", "p5", "p50", "p95"))
        table.add_row(strategy.replace("_", "-"), *(f"{v:,.0f}" for v in figures))
    return table


def _levers(found: Mapping[str, Any]) -> Table:
    title = f"what one change alone would save ({found['strategy'].replace('_', '-')})"
    table = _table(title, "change", "saves a year", "of all", "how")
    for one in found["levers"]:
        saved = f"{one['saved']:,.0f}"
        table.add_row(one["name"], saved, f"{one['saved_share']:.1%}", one["change"])
    return table


def _figures(past: Mapping[str, Any]) -> str:
    exposed = past["seconds_exposed"]
    when = "" if exposed is None else f", {exposed:,.0f} s after the first user on average"
    return (
        f"\nthe ledger: {past['deploys']:,} deploys met users in {past['days']:,.1f} days, "
        f"{past['bad']:,} were bad, {past['caught']:,} were caught{when}; catch rate "
        f"{past['catch_rate']:.3f} ({past['catch_rate_low']:.3f} to "
        f"{past['catch_rate_high']:.3f} with {past['confidence']:.0%}); "
        f"{past['harmed_requests']:,} requests harmed\n"
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="left" if name == "how" else "right")
    return table
