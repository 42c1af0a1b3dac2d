"""The demonstration's acts: what each needs of the plane, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from davylamp.cli.demo.progress import Progress
from davylamp.errors import BadInput
from davylamp.ledger.session import Ledger
from davylamp.plane.layout import CORE, DAGSTER
from davylamp.rollout.parts import open_parts
from davylamp.settings import Settings


@dataclass(frozen=True)
class Told:
    """What an act has to say at its end."""

    document: dict[str, Any]
    show: Callable[[Console], None]
    wrong: list[str]
    """What did not go as it should."""


@dataclass(frozen=True)
class Act:
    name: str
    parts: tuple[str, ...]
    """Of the plane."""
    tell: Callable[[Settings, Progress, float, int], Told]
    """With users' requests a second, and orders to migrate."""
    curl: str
    """Arguments of a curl to the shop, with Envoy's address to be filled in."""


def _releases(settings: Settings, progress: Progress, rate: float, _: int) -> Told:
    from davylamp.cli.demo.show import document, show
    from davylamp.cli.demo.story import Story, went_wrong

    ledger = Ledger.connect(settings.require("ledger_url"))
    try:
        report = Story(settings, ledger, progress, rate).tell()
    finally:
        ledger.close()
    return Told(document(report), lambda out: show(report, out), went_wrong(report))


def _schema(settings: Settings, progress: Progress, rate: float, rows: int) -> Told:
    from davylamp.cli.demo.schema_act.report import schema_document, went_wrong
    from davylamp.cli.demo.schema_act.show import show_schema
    from davylamp.cli.demo.schema_act.story import SchemaStory

    parts = open_parts(settings)
    try:
        report = SchemaStory(parts, progress, rate, rows).tell()
    finally:
        parts.close()
    return Told(schema_document(report), lambda out: show_schema(report, out), went_wrong(report))


def _knight(settings: Settings, progress: Progress, rate: float, _: int) -> Told:
    from davylamp.cli.demo.knight_act.report import knight_document, went_wrong
    from davylamp.cli.demo.knight_act.show import show_knight
    from davylamp.cli.demo.knight_act.story import KnightStory

    parts = open_parts(settings)
    try:
        report = KnightStory(parts, progress, rate).tell()
    finally:
        parts.close()
    return Told(knight_document(report), lambda out: show_knight(report, out), went_wrong(report))


ACTS = {
    "releases": Act(
        "releases",
        (*CORE, *DAGSTER),
        _releases,
        "-H 'host: checkout.localhost' {}/cart/7/total",
    ),
    # Conducted from this process: the pictures of a Dagster run would cost half a minute.
    "schema": Act("schema", CORE, _schema, "-H 'host: orders.localhost' {}/orders/7"),
    "knight": Act("knight", (*CORE, *DAGSTER), _knight, "-H 'host: trading.localhost' {}/quotes/7"),
}


def act_named(name: str) -> Act:
    """Raises `BadInput` naming the acts there are."""
    if name not in ACTS:
        raise BadInput(f"--act {name}: there are {', '.join(ACTS)}")
    return ACTS[name]
