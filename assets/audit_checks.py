"""One check a rule of the audit, over the whole fleet, with a row a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from assets.table import text_table
from davylamp.audit.codes import CODES

if TYPE_CHECKING:
    from davylamp.ledger.audits import Held

_ASSET = "version_skew"
_MOST_ROWS = 100
_COLUMNS = ("severity", "service", "instance", "since", "what", "what to do")
CHECKS = [dg.AssetCheckSpec(code, asset=_ASSET, description=what) for code, what in CODES.items()]


def results(held: Sequence[Held], unseen: Mapping[str, str]) -> list[dg.AssetCheckResult]:
    """Passed: looked, and nothing found. A check whose witnesses did not answer says so."""
    by_code: dict[str, list[Held]] = {code: [] for code in CODES}
    for one in held:
        by_code.setdefault(one.code, []).append(one)
    blind = "; ".join(f"{what} {why}" for what, why in unseen.items())
    return [_result(code, found, blind) for code, found in by_code.items()]


def _result(code: str, found: Sequence[Held], blind: str) -> dg.AssetCheckResult:
    is_critical = any(one.severity == "critical" for one in found)
    metadata: dict[str, dg.MetadataValue] = {"findings": dg.MetadataValue.int(len(found))}
    if blind:
        metadata["did not answer"] = dg.MetadataValue.text(blind)
    if found:
        metadata["found"] = table_of(found)
    return dg.AssetCheckResult(
        asset_key=_ASSET,
        check_name=code,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if is_critical else dg.AssetCheckSeverity.WARN,
        description=_words(found),
        metadata=metadata,
    )


def _words(found: Sequence[Held]) -> str:
    if not found:
        return "nothing found"
    first = str(found[0].document.get("detail", ""))
    return first if len(found) == 1 else f"{first} … and {len(found) - 1} more"


def table_of(found: Sequence[Held]) -> dg.TableMetadataValue:
    """The worst first, of each severity the oldest; at most a hundred."""
    ordered = sorted(found, key=lambda one: one.severity != "critical")
    return text_table(_COLUMNS, map(_row, ordered[:_MOST_ROWS]))


def _row(one: Held) -> dict[str, str]:
    since = one.document.get("since") or (one.first_seen_at and one.first_seen_at.isoformat())
    return {
        "severity": one.severity,
        "service": one.service or "the fleet",
        "instance": one.instance or "–",
        "since": str(since or "")[:19].replace("T", " "),
        "what": f"{one.code}: {one.document.get('detail', '')}",
        "what to do": str(one.document.get("next", "")),
    }
