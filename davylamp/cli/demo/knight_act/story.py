"""The act: one service, seven copies and an eighth, one release, and an audit nobody asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.follow import News, follow
from davylamp.cli.demo.frame import read_records
from davylamp.cli.demo.knight_act.builds import AFTER, BEFORE, EIGHTH, FLAG, NEW, OLD, SERVICE
from davylamp.cli.demo.knight_act.eighth import eighth_server, is_there
from davylamp.cli.demo.knight_act.report import KnightReport, make_knight_report
from davylamp.cli.demo.load_process import running_load
from davylamp.cli.demo.progress import Progress
from davylamp.cli.demo.shop import push_version
from davylamp.cli.demo.versions import ShopVersion
from davylamp.cli.demo.waiting import wait_until
from davylamp.errors import Refused
from davylamp.ledger.audits import Held, Look, looks_of_last, open_findings
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.run import Wish, repair

_RELEASE_SECONDS = 180.0
_AUDIT_SECONDS = 180.0
"""How long to wait for the next audit: a minute to its time, and the rest for a busy machine."""
_QUIET_SECONDS = 3.0
_TELLING = ("stale_instance", "retired_flag_read", "flag_reused")


@dataclass(frozen=True)
class KnightStory:
    """What it is told with. The plane is up already, and Dagster with it."""

    parts: Parts
    progress: Progress
    rate: float
    """Requests a second, of all users together."""

    def tell(self) -> KnightReport:
        """Raises `Refused` when not even the first build goes live."""
        self._write_flags(BEFORE)
        old = self._go_live()
        self.progress.say(f"somebody starts {EIGHTH} with {OLD.name} by hand: no release knows it")
        with eighth_server(self.parts, old):
            return self._under_load()

    def _under_load(self) -> KnightReport:
        settings = self.parts.settings
        self.progress.say(f"users arrive: {self.rate:g} requests a second")
        url, records = settings.require("envoy_url"), settings.home / "load.csv"
        with running_load(url, self.rate, records, SERVICE) as load:
            time.sleep(_QUIET_SECONDS)
            self.progress.say(f"the flag {FLAG} is retired, and its name is given to a new feature")
            self._write_flags(AFTER)
            ended = self._release(NEW)
            load.check()
            looks, found = self._wait_for_audit(ended)
            repaired = self._repair(found)
            time.sleep(_QUIET_SECONDS)
            turned_away = int(load.finish()["turned_away"])
        return make_knight_report(
            read_records(records), ended, self._stable_since(), looks, found, repaired, turned_away
        )

    def _write_flags(self, flags: dict[str, list[str]]) -> None:
        (self.parts.settings.home / "flags.yaml").write_text(json.dumps(flags) + "\n")

    def _go_live(self) -> PushedImage:
        self.progress.say(f"{OLD.name} is pushed: it {OLD.what}")
        pushed = push_version(self.parts.settings, OLD)
        ended = self._follow(OLD, pushed)
        if ended.state is not ReleaseState.PROMOTED:
            raise Refused(f"{OLD.name} did not go live, so no story: {ended.reason}")
        return pushed

    def _release(self, version: ShopVersion) -> Release:
        self.progress.say(f"{version.name} is pushed: it {version.what}")
        return self._follow(version, push_version(self.parts.settings, version))

    def _follow(self, version: ShopVersion, image: PushedImage) -> Release:
        def tell(news: News) -> None:
            self.progress.tell(version.name, news)

        ledger = self.parts.ledger
        return follow(ledger, SERVICE, image, seconds=_RELEASE_SECONDS, on_news=tell)

    def _wait_for_audit(self, ended: Release) -> tuple[Sequence[Look], Sequence[Held]]:
        """The audits that looked after the release's end, and what the first of them holds."""
        self.progress.say("nobody asks; the audit comes by itself, once a minute")
        since = ended.ended_at or ended.created_at

        def looks() -> list[Look]:
            with self.parts.ledger.begin() as db:
                return [one for one in looks_of_last(db, days=1) if one.at > since]

        wait_until(lambda: bool(looks()), "no audit was recorded", _AUDIT_SECONDS)
        with self.parts.ledger.begin() as db:
            held = [one for one in open_findings(db) if one.code in _TELLING]
        for one in held:
            self.progress.say(f"  {one.severity}: {one.document['detail']}", "red")
        return looks(), held

    def _repair(self, found: Sequence[Held]) -> str:
        """What became of the eighth server, in a sentence."""
        self.progress.say(f"davylamp audit repair --instance {EIGHTH} --do")
        documents = [dict(one.document) for one in found]
        wish = Wish(code="stale_instance", instance=EIGHTH)
        done = repair(self.parts, documents, wish, do=True, by="the demonstration")
        for one in done:
            self.progress.say(f"  {one.state.value}: {one.said}")
        left = "is still there" if is_there(self.parts) else "is gone"
        return f"{'; '.join(one.said for one in done) or 'nothing was done'}: {EIGHTH} {left}"

    def _stable_since(self) -> float:
        from davylamp.ledger.inventory import live_service

        with self.parts.ledger.begin() as db:
            since = live_service(db, SERVICE).stable_since
        return since.timestamp() if since else 0.0
