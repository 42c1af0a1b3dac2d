"""`davylamp schema approve`: somebody's yes to a drop."""

from __future__ import annotations

from typing import Annotated

import typer

from davylamp.cli.output import emit
from davylamp.errors import BadInput


def approve(
    database: Annotated[str, typer.Argument(help="A database of the catalog.")],
    revision: Annotated[str, typer.Argument(help="A contract revision that a build has brought.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say yes to a contract revision as it is now. It still waits until nobody needs what it drops,
    and for its quarantine."""
    from davylamp.cli.release import connect, who  # here: the lint starts faster without
    from davylamp.ledger import contracts
    from davylamp.settings import load_settings

    if not why.strip():
        raise BadInput("--why needs a reason: it is kept in the ledger")
    with connect(load_settings()).begin() as db:
        found = contracts.approve_contract(db, database, revision, who(), why)
    document = {
        "database": found.database,
        "revision": found.revision,
        "sha256": found.sha256,
        "by": found.by,
        "at": found.at,
        "why": found.why,
    }
    line = f"{found.by} has approved revision {revision} of {database} ({found.sha256[:12]})"
    emit(document, as_json, lambda console: console.print(line))
