"""A fleet's skew as an operator reads it: a few figures, the map, the findings, their history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.audit_checks import table_of
from assets.picture import picture

if TYPE_CHECKING:
    import pandas as pd

    from davylamp.audit.keep import Kept
    from davylamp.ledger.audits import Held, Look

_COLUMNS = ("code", "severity", "service", "instance", "subject", "since", "detail", "next")


def metadata_of(kept: Kept, history: Sequence[Look]) -> dict[str, Any]:
    critical = sum(one.severity == "critical" for one in kept.open)
    changes = kept.changes
    return {
        "critical": critical,
        "warnings": len(kept.open) - critical,
        "waived": len(kept.audit.waived),
        "new since the last audit": len(changes.opened) + len(changes.worse),
        "over since the last audit": len(changes.closed),
        "instances seen": kept.audit.seen_instances,
        "first": kept.audit.findings[0].detail if kept.audit.findings else "nothing found",
        **({"findings": table_of(kept.open)} if kept.open else {}),
        **_waivers(kept),
        **picture("age of versions, and what is wrong", _heat_map(kept)),
        **picture("findings over the last day", _over_time(history)),
    }


def frame_of(held: Sequence[Held]) -> pd.DataFrame:
    """One row a finding; what it is about, and its words."""
    import pandas as pd

    rows = [
        (
            one.code,
            one.severity,
            one.service,
            one.instance,
            one.subject,
            one.first_seen_at.isoformat() if one.first_seen_at else "",
            str(one.document.get("detail", "")),
            str(one.document.get("next", "")),
        )
        for one in held
    ]
    return pd.DataFrame(rows, columns=pd.Index(_COLUMNS), dtype=str)


def _waivers(kept: Kept) -> dict[str, dg.MarkdownMetadataValue]:
    if not kept.audit.waivers:
        return {}
    lines = [
        "| code | where | owner | until | state | why |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in kept.audit.waivers:
        waiver = one.waiver
        where = " ".join(filter(None, (waiver.service, waiver.instance))) or "the fleet"
        cells = (waiver.code, where, waiver.owner, str(waiver.expires), one.state, waiver.reason)
        lines.append(f"| {' | '.join(str(c).replace('|', '/') for c in cells)} |")
    return {"waivers": dg.MetadataValue.md("\n".join(lines))}


def _heat_map(kept: Kept) -> bytes:
    from davylamp.audit.by_service import by_service
    from davylamp.audit.plots.heat_map import cells_of, draw_heat_map

    wrong = {one.service for one in kept.open if one.severity == "critical"}
    return draw_heat_map(cells_of(by_service(kept.fleet), wrong))


def _over_time(history: Sequence[Look]) -> bytes:
    from davylamp.audit.plots.over_time import draw_over_time

    return draw_over_time(history)
