"""Verdicts as the ledger holds them, read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:  # Dagster loads its definitions often
    from davylamp.judge.verdict import Verdict

_UNDECIDED = "CONTINUE"


def deciding(documents: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last verdict that said more than to go on; the last one where none did."""
    decided = [one for one in documents if one["outcome"] != _UNDECIDED]
    return (decided or documents or [None])[-1]


def recalled(document: Mapping[str, Any]) -> Verdict:
    """A verdict as the ledger holds it. What other versions wrote beside it is left out."""
    from davylamp.judge.verdict import MetricVerdict, Outcome, Verdict

    metrics = tuple(_only_known(MetricVerdict, m) for m in document.get("metrics") or ())
    outcome = Outcome(document["outcome"])
    return _only_known(Verdict, {**document, "metrics": metrics, "outcome": outcome})


def _only_known(kind: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    known = {k: v for k, v in values.items() if k in names}
    return kind(**{k: _frozen(v) for k, v in known.items()})


def _frozen(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value
