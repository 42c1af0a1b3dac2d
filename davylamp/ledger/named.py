"""What was read of named metrics, look by look, beside the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from davylamp.judge.named_metrics import (
    GaugeReading,
    HistogramReading,
    NamedReading,
    NamedTick,
    RatioReading,
    Value,
)
from davylamp.judge.sample import Role
from davylamp.ledger.models import NamedRow


def write_named(db: Connection, ticks: Mapping[int, NamedTick]) -> None:
    """Release → what a look brought for it. A look that brought nothing new leaves no row."""
    rows = [
        {"release_id": release_id, "at": tick.at, "readings": _document(tick)}
        for release_id, tick in ticks.items()
        if tick.of or tick.problems
    ]
    if rows:
        db.execute(upsert(NamedRow).on_conflict_do_nothing(), rows)


def read_named(db: Connection, release_id: int, after: float = 0.0) -> list[NamedTick]:
    """A release's looks, oldest first, later than `after` (Unix seconds)."""
    query = (
        select(NamedRow.at, NamedRow.readings)
        .where(NamedRow.release_id == release_id, NamedRow.at > after)
        .order_by(NamedRow.at)
    )
    return [_tick(at, document) for at, document in db.execute(query)]


def _document(tick: NamedTick) -> dict[str, Any]:
    of = {
        str(role): {name: {"at": r.at, **asdict(r.value)} for name, r in metrics.items()}
        for role, metrics in tick.of.items()
    }
    return {"of": of, "problems": dict(tick.problems)}


def _tick(at: float, document: Mapping[str, Any]) -> NamedTick:
    of = {
        Role(role): {name: NamedReading(r["at"], _value(r)) for name, r in metrics.items()}
        for role, metrics in document["of"].items()
    }
    return NamedTick(at, of, document["problems"])


def _value(reading: Mapping[str, Any]) -> Value:
    """Each kind is told by its fields."""
    if "value" in reading:
        return GaugeReading(reading["value"])
    if "bounds" in reading:
        return HistogramReading(tuple(reading["bounds"]), tuple(reading["counts"]))
    return RatioReading(reading["numerator"], reading["denominator"])
