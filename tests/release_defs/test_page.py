"""A release's page is written when it has ended, and never in its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from davylamp.ledger.releases import get_release
from davylamp.ledger.session import Ledger
from davylamp.rollout.parts import Parts
from release_defs.ops.page import report_end
from tests.release_defs.world import make_world
from tests.report.past import opened, promoted, rolled_back

pytestmark = pytest.mark.server


@dataclass
class Run:
    """An op's context, as far as a page needs one."""

    instance: dg.DagsterInstance
    shown: list[dg.AssetMaterialization] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    @property
    def log(self) -> SimpleNamespace:
        return SimpleNamespace(warning=self.warned.append)

    def log_event(self, event: dg.AssetMaterialization) -> None:
        self.shown.append(event)


@pytest.fixture
def run() -> Iterator[Run]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Run(instance)


@pytest.fixture
def parts(ledger: Ledger, tmp_path: Path) -> Parts:
    return make_world(ledger, tmp_path).parts


def ended(parts: Parts, number: int, run: Run, **values: float) -> dict[str, object]:
    with parts.ledger.begin() as db:
        release = get_release(db, number)
    return report_end(run, parts, release, **values)  # type: ignore[arg-type]


def test_the_page_is_linked_and_the_services_history_materialized(parts: Parts, run: Run) -> None:
    promoted(parts.ledger, "1.0.0")
    number = rolled_back(parts.ledger, "1.1.0")
    found = ended(parts, number, run)
    file = parts.settings.home / "reports" / f"release-{number}.html"
    assert found == {"page": dg.MetadataValue.path(str(file))}
    assert "rolled back" in file.read_text(encoding="utf-8")
    (event,) = run.shown
    assert (event.asset_key, event.partition) == (dg.AssetKey("release_history"), "checkout")
    assert event.description == "1.1.0: rolled_back"
    assert (event.metadata["promoted"].value, event.metadata["rolled back"].value) == (1, 1)
    assert event.metadata["change fail rate"].value.startswith("50 % (1 of 2")
    assert event.metadata["page"].value == str(file)
    records = [dict(record.data) for record in event.metadata["newest releases"].records]
    assert [one["version"] for one in records] == ["1.1.0", "1.0.0"]
    assert records[0]["harmed"] == "63 of 1,204"
    assert "data:image/png;base64," in event.metadata["releases a day"].value
    assert run.warned == []


def test_a_run_does_not_wait_for_a_slow_page(parts: Parts, run: Run) -> None:
    number = rolled_back(parts.ledger, "1.1.0")
    assert ended(parts, number, run, patience_seconds=0.0) == {}
    assert "its page took more than 0 s" in run.warned[0]


def test_a_page_that_cannot_be_written_is_logged_and_the_history_is_not_lost(
    parts: Parts, run: Run
) -> None:
    (parts.settings.home / "reports").write_text("in the way")
    assert ended(parts, rolled_back(parts.ledger, "1.1.0"), run) == {}
    assert "the page can't be written" in run.warned[0]
    assert len(run.shown) == 1
    assert "page" not in run.shown[0].metadata


def test_a_ledger_that_is_gone_is_logged(parts: Parts, run: Run) -> None:
    with parts.ledger.begin() as db:
        release = get_release(db, rolled_back(parts.ledger, "1.1.0"))
    gone = replace(parts, ledger=Ledger.connect("postgresql://postgres@127.0.0.1:9/none"))
    assert report_end(run, gone, release) == {}  # type: ignore[arg-type]
    assert "does not answer" in run.warned[0]


def test_no_page_is_written_where_none_is_wanted(parts: Parts, run: Run) -> None:
    none = replace(parts, settings=parts.settings.model_copy(update={"report_pages": 0}))
    assert ended(none, rolled_back(parts.ledger, "1.1.0"), run) == {}
    assert not (parts.settings.home / "reports").exists()
    assert len(run.shown) == 1


def test_a_release_under_way_has_no_page(parts: Parts, run: Run) -> None:
    assert ended(parts, opened(parts.ledger, "1.1.0").id, run) == {}
    assert run.shown == []
