"""`davylamp schema change` and `contract`: a service's schema, without a release of its code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.cli.output import emit
from davylamp.cli.schema_target import JsonOption

if TYPE_CHECKING:
    from davylamp.rollout.schema_change import SchemaDone
    from davylamp.rollout.schema_work import SchemaWork

_QUARANTINE_TOLD_SECONDS = 60.0
ServiceName = Annotated[str, typer.Argument(help="A service of the catalog.")]
ImageOption = Annotated[
    str, typer.Option("--image", help="The build that brings it; by default the one users have.")
]


def change(service: ServiceName, image: ImageOption = "", as_json: JsonOption = False) -> None:
    """Expand and migrate ahead of a release: for a backfill that takes long. Exit 1: refused."""
    from davylamp.rollout.schema_change import expand, migrate

    _carry_out(service, image, [expand, migrate], as_json)


def contract(
    service: ServiceName,
    revision: Annotated[
        str, typer.Option("--revision", help="By default the one whose turn it is.")
    ] = "",
    image: ImageOption = "",
    as_json: JsonOption = False,
) -> None:
    """Drop what no living build needs any more: gate, quarantine, point of no return. Exit 1 when
    somebody still needs it, or missed it; it says who."""
    from davylamp.rollout.schema_contract import contract as take

    _carry_out(service, image, [lambda work: take(work, revision)], as_json)


def _carry_out(
    name: str, image: str, acts: list[Callable[[SchemaWork], SchemaDone]], as_json: bool
) -> None:
    from davylamp.cli.release import who
    from davylamp.cli.schema_bar import progress_bar
    from davylamp.rollout.parts import open_parts
    from davylamp.rollout.schema_by_hand import work_by_hand
    from davylamp.rollout.schema_work import Listener
    from davylamp.settings import load_settings

    parts = open_parts(load_settings())
    try:
        service = parts.catalog.service(name)
        with progress_bar() as on_progress:
            tell = Listener(on_progress=on_progress, on_look=_teller_of_quarantine())
            work = work_by_hand(parts, service, image, who(), tell)
            done = [act(work) for act in acts]
    finally:
        parts.close()
    document = {
        "service": name,
        "database": work.name,
        "applied": [revision for one in done for revision in one.applied],
        "waiting": list(done[-1].waiting),
        "reason": done[-1].reason,
    }
    emit(document, as_json, lambda console: console.print("\n".join(one.reason for one in done)))


def _teller_of_quarantine() -> Callable[[float], None]:
    """Says at its beginning, and then once a minute, how long a quarantine goes on."""
    told_at = float("inf")

    def tell(seconds_left: float) -> None:
        nonlocal told_at
        if seconds_left < told_at - _QUARANTINE_TOLD_SECONDS or told_at == float("inf"):
            told_at = seconds_left
            sys.stderr.write(f"in quarantine: {seconds_left:,.0f} s left, nobody misses it yet\n")

    return tell
