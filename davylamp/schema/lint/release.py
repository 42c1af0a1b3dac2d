"""What one release may carry out together."""

from __future__ import annotations

from collections.abc import Sequence

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.finding import Finding
from davylamp.schema.lint.lint import judge_text
from davylamp.schema.phases import Phase
from davylamp.schema.revision import Revision


def check_release(revisions: Sequence[Revision]) -> tuple[Finding, ...]:
    """What stands against carrying out all of these revisions in one release; () for nothing.

    Expand and migrate may go together. A drop needs a later release: while this one runs, and
    for as long as it may be taken back, the builds before it are alive.
    """
    context = Context()
    phases = {one.id: _phases(one, context) for one in revisions}
    dropping = [one for one in revisions if Phase.CONTRACT in phases[one.id]]
    adding = [one for one in revisions if phases[one.id] & {Phase.EXPAND, Phase.MIGRATE}]
    if not adding:
        return ()
    beside = ", ".join(one.id for one in adding)
    return tuple(
        Finding(
            rule="drop-in-same-release",
            phase=Phase.REFUSED,
            file=str(one.file),
            line=0,
            statement=one.sql.strip(),
            message=f"revision {one.id} drops, and {beside} in the same release adds or moves: "
            "the builds from before are alive until this release can no longer be taken back",
            advice=said("release what adds and moves first, and the drop in a later release"),
        )
        for one in dropping
    )


def _phases(revision: Revision, context: Context) -> frozenset[Phase]:
    """Of what it declares and of what it does; either is enough."""
    judged, _ = judge_text(revision.sql, str(revision.file), context)
    moves = {Phase.MIGRATE} if revision.dual_write else set[Phase]()
    return frozenset({revision.phase, *moves}).union(*(one.phases for one in judged))
