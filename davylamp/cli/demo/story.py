"""The story: a healthy shop under load, then three builds of checkout, one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.facts import ReleaseFacts
from davylamp.cli.demo.follow import News, follow
from davylamp.cli.demo.frame import read_records
from davylamp.cli.demo.load_process import LoadProcess, running_load
from davylamp.cli.demo.progress import Progress
from davylamp.cli.demo.recorded import read_facts
from davylamp.cli.demo.report import Report, make_report
from davylamp.cli.demo.shop import push_version
from davylamp.cli.demo.versions import FIRST, RELEASES, ShopVersion
from davylamp.errors import Refused
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings

_RELEASE_SECONDS = 150.0
"""How long a release of the demonstration may take, its hold included."""
_QUIET_SECONDS = 3.0
"""Load before the first release, and after the last: switching must not show there either."""


@dataclass(frozen=True)
class Story:
    """What it is told with. The plane is up already."""

    settings: Settings
    ledger: Ledger
    progress: Progress
    rate: float
    """Requests a second, of all users together."""

    def tell(self) -> Report:
        """Release everything there is to release, under load. Raises `Refused` when not even
        the first builds go live."""
        self._release_first()
        self.progress.say(f"users arrive: {self.rate:g} requests a second")
        url, records = self.settings.require("envoy_url"), self.settings.home / "load.csv"
        with running_load(url, self.rate, records) as load:
            time.sleep(_QUIET_SECONDS)
            ended = [self._release(version, load) for version in RELEASES]
            time.sleep(_QUIET_SECONDS)
            turned_away = int(load.finish()["turned_away"])
        return make_report(read_records(records), self._facts(ended), turned_away)

    def _release_first(self) -> None:
        self.progress.say("1.0.0 of the three services is pushed")
        pushed = [(version, push_version(self.settings, version)) for version in FIRST]
        for version, image in pushed:
            ended = self._follow(version, image)
            if ended.state is not ReleaseState.PROMOTED:
                raise Refused(f"{version.name} did not go live, so no story: {ended.reason}")

    def _release(self, version: ShopVersion, load: LoadProcess) -> Release:
        load.check()
        self.progress.say(f"{version.name} is pushed: {version.what}")
        ended = self._follow(version, push_version(self.settings, version))
        load.check()
        return ended

    def _follow(self, version: ShopVersion, image: PushedImage) -> Release:
        def tell(news: News) -> None:
            self.progress.tell(version.name, news)

        return follow(self.ledger, version.service, image, seconds=_RELEASE_SECONDS, on_news=tell)

    def _facts(self, ended: Sequence[Release]) -> list[ReleaseFacts]:
        with self.ledger.begin() as db:
            return [read_facts(db, release) for release in ended]


def went_wrong(report: Report) -> list[str]:
    """What did not go as it must in a demonstration; nothing when all is well."""
    wrong = [
        f"{version.name} was {one.facts.outcome}, and should have been {version.expected}"
        for version, one in zip(RELEASES, report.releases, strict=True)
        if one.facts.outcome != version.expected
    ]
    if report.switching_failures:
        wrong.append(f"{report.switching_failures} requests failed because of the switching")
    if report.turned_away:
        wrong.append(f"{report.turned_away} users were sent away by the load before they asked")
    return wrong
