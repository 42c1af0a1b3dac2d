"""One release, stage by stage: what a driver calls."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from davylamp.builds.digest import parse_image
from davylamp.errors import DavylampError, FencedOff, Refused
from davylamp.ledger import evidence, inventory, routes
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release, get_release, open_release, release_of_build
from davylamp.rollout.conduct import finish
from davylamp.rollout.conduct.confirm import confirm
from davylamp.rollout.conduct.guard_stage import guard_stage
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.conduct.promote import promote_candidate
from davylamp.rollout.conduct.schema_stage import expand_stage, migrate_stage
from davylamp.rollout.conduct.session import Ending, Session, Stage
from davylamp.rollout.conduct.start import start_both_sides
from davylamp.rollout.conduct.steps import wait_for_human, walk
from davylamp.rollout.conduct.verify import remember_revisions, verify_candidate
from davylamp.rollout.conduct.vigil import HarmSeen
from davylamp.rollout.conduct.watch import OnTick, Tick
from davylamp.rollout.entry import entry_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.plan import canary_plan, first_plan
from davylamp.rollout.schema_work import Listener


def _ignore(_: Tick) -> None:
    pass


class ReleasedBefore(Refused):
    """The build has had its release, and whoever asks wants one a build."""


def _check_first(db: Connection, service: str, image: str) -> None:
    """Here, and not only where it is asked for: a run may wait in the queue while another
    releases the same build."""
    digest = parse_image(image, default_repository=service).digest
    before = release_of_build(db, service, digest) if digest else None
    if before is not None:
        raise ReleasedBefore(
            f"{image} has had its release: {before.id}, asked for by {before.requested_by}, "
            f"{before.state}; `davylamp release {service} IMAGE` releases it again"
        )


class Conduct:
    """One release and its hold of the route.

    A stage that fails leaves nothing undone: by the time it raises, stable serves everything
    and the release has ended with its reason.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @classmethod
    def open(
        cls,
        parts: Parts,
        *,
        service: str,
        image: str,
        requested_by: str,
        run_id: str = "",
        request_id: int | None = None,
        once: bool = False,
        override: str | None = None,
    ) -> Conduct:
        """Write the release down and take the route.

        Raises `Refused` when the service is already being released, `BadInput` when the
        catalog doesn't have it; with `once`, `ReleasedBefore` when the image's digest has had
        its release or has it now. `override` is an operator's reason to go to an older build
        that may not read every row; a request brings its own.
        """
        entry = parts.catalog.service(service)
        with parts.ledger.begin() as db:
            if once:
                _check_first(db, service, image)
            asked = evidence.get_request(db, request_id) if request_id is not None else None
            live = inventory.live_service(db, service)
            plan = (canary_plan if live.stable_digest else first_plan)(entry.release)
            release = open_release(
                db,
                service=service,
                image=image,
                plan=plan.document(),
                entry=entry.model_dump(mode="json"),
                seed=secrets.randbits(62),
                requested_by=requested_by,
                run_id=run_id,
                override_reason=override or (asked.override_reason if asked else None),
            )
            if request_id is not None:
                evidence.answer_request(db, request_id, release_id=release.id)
            lease = parts.settings.lease_seconds
            intent = routes.take_route(db, service, release.id, release.seed, lease)
        hold = RouteHold(parts.ledger, parts.settings, service, release.id, intent.fence)
        return cls(Session(parts, entry, hold))

    @classmethod
    def resume(cls, parts: Parts, release_id: int, fence: int) -> Conduct:
        """The same release, in the next op of the same run."""
        with parts.ledger.begin() as db:
            release = get_release(db, release_id)
        hold = RouteHold(parts.ledger, parts.settings, release.service, release_id, fence)
        return cls(Session(parts, entry_of(release), hold))

    @property
    def release_id(self) -> int:
        return self.session.hold.release_id

    @property
    def fence(self) -> int:
        return self.session.hold.fence

    def release(self) -> Release:
        return self.session.release()

    def verify(self) -> Stage:
        """Signature, contract, digests, history. Raises `Refused`."""
        with self._or_end(ReleaseState.REFUSED):
            image = self.release().image
            found = verify_candidate(
                self.session.parts, self.session.hold, self.session.service, image
            )
            remember_revisions(self.session.parts, self.session.hold, self.session.service, found)
        contract = found.contract.model_dump(mode="json")
        document = {"digest": found.digest, "version": found.version, "contract": contract}
        return Stage(f"{found.version} is {found.digest}", document)

    def guard(self) -> Stage:
        """Nothing incompatible ever meets. Raises `Refused`."""
        with self._or_end(ReleaseState.REFUSED):
            return guard_stage(self.session)

    def expand(self, tell: Listener | None = None) -> Stage:
        """Bring the databases what the candidate needs, beside every build that is alive. Raises
        `Refused`; then what was added stays, and nothing else has happened."""
        with self._or_end(ReleaseState.REFUSED):
            return expand_stage(self.session, tell or Listener())

    def migrate(self, tell: Listener | None = None) -> Stage:
        """Dual write and backfill, to the verified end."""
        with self._or_end(ReleaseState.REFUSED):
            return migrate_stage(self.session, tell or Listener())

    def start(self) -> Stage:
        """Start candidate and baseline. Raises `Refused` when one of them doesn't come up."""
        with self._or_end(ReleaseState.ROLLED_BACK):
            return start_both_sides(self.session)

    def steps(self, on_tick: OnTick = _ignore) -> Ending:
        """Raise the share step by step, judging every second."""
        try:
            return self._cut_if_back(walk(self.session, on_tick))
        except DavylampError as error:
            return self._cut_if_back(Ending("roll_back", str(error)))

    def hold(self, reason: str, on_tick: OnTick = _ignore) -> Ending:
        """Wait for somebody to promote it; silence rolls back."""
        try:
            return self._cut_if_back(wait_for_human(self.session, reason, on_tick))
        except DavylampError as error:
            return self._cut_if_back(Ending("roll_back", str(error)))

    def promote(self, reason: str, on_tick: OnTick = _ignore) -> Ending:
        """Full size, all users, the watch, and the point of no return."""
        try:
            return self._cut_if_back(promote_candidate(self.session, reason, on_tick))
        except DavylampError as error:
            if self.release().state is ReleaseState.CONFIRMING:
                return Ending("promoted", f"{reason}; afterwards: {error}")
            blames = isinstance(error, HarmSeen) and error.blames_build
            return self._cut_if_back(Ending("roll_back", str(error), None, blames))

    def roll_back(self, reason: str) -> Stage:
        """All users to stable first; then stop the copies, and end the release."""
        self._take_back(reason, ReleaseState.ROLLED_BACK)
        return Stage(self.release().reason)

    def confirm(self) -> Stage:
        """Every observed copy runs the new digest. Raises `Refused` naming the one left over."""
        release = confirm(self.session.parts, self.release_id, self.fence)
        if release.state is not ReleaseState.PROMOTED:
            raise Refused(release.reason)
        return Stage(release.reason, dict(release.figures or {}))

    def interrupted(self, error: BaseException) -> Release:
        """What a driver calls when it is cancelled or fails: stable serves everything."""
        return finish.interrupted(self.session.parts, self.release_id, self.fence, error)

    def _cut_if_back(self, ending: Ending) -> Ending:
        """Users go to stable with the decision, not when the driver gets to its next stage."""
        if ending.kind == "roll_back":
            with suppress(FencedOff):  # somebody has ended it: they are there already
                finish.cut(
                    self.session.parts,
                    self.release_id,
                    self.fence,
                    ending.reason,
                    blames_build=ending.blames_build,
                )
        return ending

    def _take_back(self, reason: str, end: ReleaseState) -> None:
        finish.take_back(self.session.parts, self.release_id, self.fence, reason, end)

    @contextmanager
    def _or_end(self, end: ReleaseState) -> Generator[None]:
        try:
            yield
        except FencedOff as error:
            self._take_back(str(error), ReleaseState.ROLLED_BACK)
            raise
        except DavylampError as error:
            self._take_back(str(error), end)
            raise Refused(str(error)) from error
