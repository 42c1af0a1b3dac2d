"""The keeper (`python -m davylamp.rollout.keeper`): what must go on when nobody drives.

Each second it samples all active releases in one read, reads their named metrics, and brings the
ledger's inventory up to what the platform shows; now and then it ends orphaned releases, gives
back rights that a quarantine took and nobody watches, and forgets
what is too old to be kept.
It never touches traffic.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import structlog

from davylamp.errors import DavylampError
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import active_releases, database_now
from davylamp.ledger.retention import Keep, tidy
from davylamp.rollout.named import NamedSampler
from davylamp.rollout.parts import Parts, open_parts
from davylamp.rollout.quarantines import LeftBehind
from davylamp.rollout.reap import reap
from davylamp.settings import load_settings
from davylamp.signals.open import open_source
from davylamp.signals.open_named import open_named
from davylamp.signals.protocol import Source, Watched
from davylamp.signals.sampler import sample_once

_log = structlog.get_logger("keeper")
_SAMPLED = (
    ReleaseState.STARTING,
    ReleaseState.STEPPING,
    ReleaseState.HELD,
    ReleaseState.PROMOTING,
)
_REAP_EVERY_SECONDS = 2.0
_QUARANTINES_EVERY_SECONDS = 5.0
_TIDY_EVERY_SECONDS = 600.0
_TIDY_SECONDS = 20.0
"""Of one time: more would keep quarantines and orphans waiting."""


def observe_and_sample(parts: Parts, source: Source) -> None:
    """One tick: the fleet as the platform shows it, and one sample a watched side."""
    seen = _observe(parts)
    with parts.ledger.begin() as db:
        active = active_releases(db)
    watched = [
        Watched(r.service, role, r.id) for r in active if r.state in _SAMPLED for role in Role
    ]
    if watched:
        sample_once(parts.ledger, source, seen, watched)


def sample_named(parts: Parts, sampler: NamedSampler) -> None:
    """One look at the named metrics of all releases whose sides are sampled."""
    with parts.ledger.begin() as db:
        active = active_releases(db)
    sampler.sample([r for r in active if r.state in _SAMPLED])


def _observe(parts: Parts) -> list[Instance]:
    with parts.ledger.begin() as db:
        began = database_now(db)
    try:
        seen = parts.platform.instances()
    except DavylampError:
        with parts.ledger.begin() as db:
            inventory.mark_unreachable(db)
        raise
    with parts.ledger.begin() as db:
        inventory.observe(db, seen, whole_fleet=True, began=began)
    return seen


def _report_reaped(parts: Parts) -> None:
    for line in reap(parts):
        _log.warning("reaped", what=line)


def _report_given_back(quarantines: LeftBehind) -> None:
    for database, columns in quarantines.give_back().items():
        _log.warning("rights given back", database=database, columns=columns)


def every(seconds: float, act: Callable[[], None], stop: threading.Event) -> None:
    """Do something again and again until told to stop; what goes wrong is logged, not fatal."""
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due = max(due + seconds, time.monotonic())
        try:
            act()
        except DavylampError as error:
            _log.warning("tick failed", what=act.__name__, why=str(error))
        except Exception:  # noqa: BLE001 - the keeper outlives whatever one tick meets
            _log.exception("tick failed unexpectedly", what=act.__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = load_settings()
    parts = open_parts(settings)
    source = open_source(settings)
    stop = threading.Event()

    def on_signal(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)

    def tick() -> None:
        observe_and_sample(parts, source)

    def reap_orphans() -> None:
        _report_reaped(parts)

    quarantines = LeftBehind(parts)

    def give_back_rights() -> None:
        _report_given_back(quarantines)

    def forget_old_rows() -> None:
        tidy(parts.ledger, Keep.of(settings), seconds=_TIDY_SECONDS)

    jobs: list[tuple[float, Callable[[], None]]] = [
        (1.0, tick),
        (_REAP_EVERY_SECONDS, reap_orphans),
        (_QUARANTINES_EVERY_SECONDS, give_back_rights),
        (_TIDY_EVERY_SECONDS, forget_old_rows),
    ]
    named = open_named(settings)
    if named is not None:
        sampler = NamedSampler(parts.ledger, named)

        def read_named_metrics() -> None:
            sample_named(parts, sampler)

        jobs.append((1.0, read_named_metrics))
    threads = [threading.Thread(target=every, args=(*job, stop), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(timeout=5.0)
    parts.close()


if __name__ == "__main__":
    main()
