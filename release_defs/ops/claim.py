"""A run's claim on a release, handed from op to op; and what happens when an op is cut short.

Every op that changes the world works inside `conducting`: whatever ends it (a cancel in the
UI, a broken dependency, a bug), all users go back to the stable build first.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine
from release_defs.ops.page import report_end
from sensors.names import OUTCOME_TAG

if TYPE_CHECKING:
    from davylamp.ledger.releases import Release
    from davylamp.rollout.conduct import Conduct


@dataclass(frozen=True)
class Claim:
    """Which release, by what right, and why the next op is called."""

    release_id: int
    fence: int
    reason: str = ""


def claim_of(conduct: Conduct, reason: str = "") -> Claim:
    return Claim(conduct.release_id, conduct.fence, reason)


@contextmanager
def conducting(context: dg.OpExecutionContext, engine: Engine, claim: Claim) -> Iterator[Conduct]:
    """Go on with a release; take it back if this op doesn't reach its end."""
    from davylamp.rollout.conduct import Conduct

    with engine.parts() as parts:
        conduct = Conduct.resume(parts, claim.release_id, claim.fence)
        with taking_back(context, conduct):
            yield conduct


@contextmanager
def taking_back(context: dg.OpExecutionContext, conduct: Conduct) -> Iterator[None]:
    """Turn whatever goes wrong into a release that has ended, and a run that says why."""
    try:
        yield
    except BaseException as error:
        with interrupts_held():
            release = _end(conduct, error)
            report_outcome(context, release)
        if not isinstance(error, DavylampError):
            raise
        shown = report_end(context, conduct.session.parts, release)
        raise failure(release, shown) from error


@contextmanager
def interrupts_held() -> Iterator[None]:
    """What has begun here is brought to its end: going back must not be cut short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def report_outcome(context: dg.OpExecutionContext, release: Release) -> None:
    """Show in the list of runs how the release ended."""
    context.log.info(
        f"release {release.id} of {release.service}: {release.state}, {release.reason}"
    )
    if release.state.is_end:
        context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: release.state.value})


def failure(release: Release, more: Mapping[str, Any] | None = None) -> dg.Failure:
    """The run's red end. Not an error of the platform: what it was built to say."""
    from release_defs.ops.metadata import figures_of

    return dg.Failure(
        description=f"{release.state.value}: {release.reason}",
        metadata={**figures_of(release), **(more or {})},
        allow_retries=False,
    )


def _end(conduct: Conduct, error: BaseException) -> Release:
    release = conduct.release()
    return release if release.state.is_end else conduct.interrupted(error)
