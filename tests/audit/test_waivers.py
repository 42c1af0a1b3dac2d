"""Waivers: somebody answers for a finding, until a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from davylamp.audit.inventory import Inventory
from davylamp.audit.run import Audit, run_audit
from davylamp.audit.waiver_file import read_waivers
from davylamp.audit.waivers import Waiver, WaiverState
from davylamp.errors import BadInput
from tests.audit.fleets import NOW, digest, healthy

TODAY = datetime.fromtimestamp(NOW, UTC)


def waiver(code: str = "stale_instance", **changed: object) -> Waiver:
    values = {"service": "s1", "owner": "ana", "reason": "a test", "expires": TODAY + timedelta(1)}
    return Waiver(code=code, **(values | changed))  # type: ignore[arg-type]


def audited(*waivers: Waiver) -> Audit:
    document = healthy(3)
    for one in document["instances"]:
        if one["id"] in ("s1-0", "s1-1"):
            one["digest"] = digest("s1 old")
    return run_audit(Inventory.model_validate(document), waivers)


def test_a_waived_finding_is_no_longer_critical_and_stays_in_sight() -> None:
    audit = audited(waiver())
    assert audit.findings == ()
    assert not audit.is_critical
    assert [f.instance for f in audit.waived] == ["s1-0", "s1-1"]
    assert [w.state for w in audit.waivers] == [WaiverState.ACTIVE]


def test_a_waiver_of_one_instance_leaves_the_others() -> None:
    assert [f.instance for f in audited(waiver(instance="s1-0")).findings] == ["s1-1"]


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (waiver(expires=TODAY), WaiverState.EXPIRED),
        (waiver(service="s2"), WaiverState.UNUSED),
        (waiver(service=None), WaiverState.UNUSED),
        (waiver("no_such_code"), WaiverState.UNKNOWN),
    ],
)
def test_a_waiver_that_waives_nothing_is_shown(one: Waiver, state: WaiverState) -> None:
    audit = audited(one)
    assert len(audit.findings) == 2
    assert [w.state for w in audit.waivers] == [state]


def test_a_day_counts_to_its_end() -> None:
    text = b"waivers: [{code: c, service: s, owner: o, reason: r, expires: 2027-01-15}]"
    (one,) = read_waivers(text, "w.yaml")
    assert one.expires == datetime(2027, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("waivers: [{code: c, reason: r, expires: 2027-01-01}]", r"waivers\[0\].owner is missing"),
        ("waivers: [{code: c, owner: o, expires: 2027-01-01}]", r"waivers\[0\].reason is missing"),
        ("waivers: [{code: c, owner: o, reason: r}]", r"waivers\[0\].expires"),
        ("waivers: [{code: c, owner: o, reason: r, expires: never}]", r"waivers\[0\].expires"),
        ("waivers: [{code: c, owner: o, reason: r, expires: 2027-01-01, who: x}]", "who"),
        ("waivers: 3", "waivers"),
        ("[1]", "not a mapping"),
        ("a: [", "not YAML"),
        ("", "not a mapping"),
    ],
)
def test_a_waiver_without_owner_reason_or_end_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        read_waivers(text.encode(), "w.yaml")
    assert str(refused.value).startswith("w.yaml: ")
