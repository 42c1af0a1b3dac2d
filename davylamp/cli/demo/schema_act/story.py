"""The act: four builds of orders, one forgotten copy, and users all through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.frame import read_records
from davylamp.cli.demo.load_process import LoadProcess, running_load
from davylamp.cli.demo.progress import Progress
from davylamp.cli.demo.schema_act.builds import (
    DATABASE,
    DROPS,
    FIRST,
    NEW,
    OLD,
    RENAMES,
    SERVICE,
    WRITES,
)
from davylamp.cli.demo.schema_act.dropping import drop, try_to_drop
from davylamp.cli.demo.schema_act.evidence import Backfilled, Evidence
from davylamp.cli.demo.schema_act.forgotten import forgotten_copy
from davylamp.cli.demo.schema_act.going_back import try_to_go_back
from davylamp.cli.demo.schema_act.releasing import conduct_release
from davylamp.cli.demo.schema_act.report import SchemaReport, make_schema_report
from davylamp.cli.demo.schema_act.step import ActStep, Ending, expected, take_step
from davylamp.cli.demo.schema_act.table import count_differing, fill_orders
from davylamp.cli.demo.schema_act.telling import Telling
from davylamp.cli.demo.shop import push_version
from davylamp.cli.demo.versions import ShopVersion
from davylamp.errors import Refused
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.reachability import Obstacle
from davylamp.schema.database import TargetDatabase

_QUIET_SECONDS = 3.0
"""Load before the first step, and after the last: a switch must not show there either."""


@dataclass
class SchemaStory:
    """What it is told with, and what has come of it so far. The plane is up already."""

    parts: Parts
    progress: Progress
    rate: float
    """Requests a second, of all users together."""
    rows: int
    """Orders written before the column is renamed."""
    evidence: Evidence = field(default_factory=Evidence)
    steps: list[ActStep] = field(default_factory=list[ActStep])

    def tell(self) -> SchemaReport:
        """Go step by step, under load, to the end or to the first step that ends otherwise than
        it should. Raises `Refused` when not even the first build goes live."""
        settings = self.parts.settings
        old = self._go_live()
        self.progress.say(f"users arrive: {self.rate:g} requests a second")
        url, records = settings.require("envoy_url"), settings.home / "load.csv"
        with running_load(url, self.rate, records, SERVICE) as load:
            time.sleep(_QUIET_SECONDS)
            self._take_all(self._under_load(old), load)
            time.sleep(_QUIET_SECONDS)
            turned_away = int(load.finish()["turned_away"])
        return make_schema_report(read_records(records), self.steps, self.evidence, turned_away)

    def _go_live(self) -> PushedImage:
        pushed = self._push(FIRST)
        self._take(f"release {FIRST.name}", lambda: self._release(pushed))
        if self.steps[-1].problem:
            raise Refused(f"{FIRST.name} did not go live, so no story: {self.steps[-1].reason}")
        self.progress.say(f"{self.rows:,} orders are written straight into the table")
        self._take("write orders", self._fill)
        return pushed

    def _take_all(self, steps: Iterator[bool], load: LoadProcess) -> None:
        for is_fine in steps:
            load.check()
            if not is_fine:
                self.progress.say("that is not as it should be: the story ends here", "red")
                return

    def _under_load(self, old: PushedImage) -> Iterator[bool]:
        yield self._pushed_and_released(RENAMES, self._rename)
        yield self._pushed_and_released(DROPS, self._release)
        self.progress.say(f"somebody starts a copy of {FIRST.name} by hand, and forgets it")
        with forgotten_copy(self.parts, old) as copy:
            yield self._take(
                f"drop {OLD} while {copy.id} lives",
                lambda: try_to_drop(self.parts, copy, self.progress, self.evidence),
            )
            self.progress.say(f"{copy.id} is stopped")
        yield self._take(f"drop {OLD}", lambda: drop(self.parts, self.progress, self.evidence))
        yield self._pushed_and_released(WRITES, self._release)
        yield self._back_to(RENAMES, Obstacle.DOMAINS)
        yield self._back_to(FIRST, Obstacle.NO_RETURN)

    def _pushed_and_released(
        self, version: ShopVersion, release: Callable[[PushedImage], Ending]
    ) -> bool:
        pushed = self._push(version)
        return self._take(f"release {version.name}", lambda: release(pushed))

    def _back_to(self, version: ShopVersion, why: Obstacle) -> bool:
        return self._take(
            f"roll back to {version.version}",
            lambda: try_to_go_back(self.parts, version.version, why, self.evidence),
        )

    def _push(self, version: ShopVersion) -> PushedImage:
        self.progress.say(f"{version.name} is pushed: it {version.what}")
        return push_version(self.parts.settings, version)

    def _release(self, pushed: PushedImage, telling: Telling | None = None) -> Ending:
        heard = telling or Telling(self.progress)
        done = conduct_release(self.parts, SERVICE, pushed, self.progress, heard)
        return expected("promoted", done.state.value, done.reason)

    def _rename(self, pushed: PushedImage) -> Ending:
        telling = Telling(self.progress)
        ending = self._release(pushed, telling)
        found = Backfilled(telling.rows, telling.seconds, count_differing(self._database))
        self.evidence.backfilled = found
        if ending.problem or not found.differing:
            return ending
        return Ending(
            ending.outcome, ending.reason, f"{found.differing} rows have {OLD} and {NEW} differ"
        )

    def _fill(self) -> Ending:
        fill_orders(self._database, self.rows)
        return Ending("written", f"{self.rows:,} orders with a {OLD}, none with a {NEW}")

    def _take(self, name: str, act: Callable[[], Ending]) -> bool:
        step = take_step(name, act)
        self.steps.append(step)
        style = "red" if step.problem else "green"
        self.progress.say(f"  {name}: {step.outcome} ({step.seconds} s): {step.reason}", style)
        return not step.problem

    @property
    def _database(self) -> TargetDatabase:
        entry = self.parts.catalog.service(SERVICE).databases[DATABASE]
        return target_of(self.parts.settings, DATABASE, entry)
