"""`davylamp audit` on a real plane: a healthy one is fine, and a copy started by hand is named, and
drained when somebody asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from davylamp.audit.gather.everything import gather
from davylamp.fleet.local import LocalPlatform
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.rollout.parts import Parts, open_parts
from davylamp.rollout.repair.carry_out import carry_out, plan
from davylamp.rollout.repair.planned import State
from davylamp.settings import load_settings
from tests.live_plane import LivePlane, wait_for

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def of_audited(plane: LivePlane) -> dict[str, Any]:
    return plane.ask("audit", "--service", "audited", check=False)


def copies(plane: LivePlane) -> list[Instance]:
    return [i for i in plane.copies_of_service("audited") if i.state is InstanceState.READY]


def repaired(plane: LivePlane, *options: str) -> list[dict[str, Any]]:
    found = plane.ask("audit", "repair", "--service", "audited", *options, check=False)
    return list(found["repairs"])


def our_parts(plane: LivePlane) -> Parts:
    home, catalog = plane.home, plane.home.parent / "catalog"
    return open_parts(load_settings(home=home, catalog=catalog, lease_seconds=6, renew_seconds=1))


def sees_the_candidate(plane: LivePlane) -> bool:
    """Envoy was asked for its shares and endpoints, and the copies for their builds."""
    parts = our_parts(plane)
    try:
        seen = gather(parts)
    finally:
        parts.close()
    routes = [r for r in seen.routes if r.service == "audited"]
    told = [i.witnesses for i in seen.instances if i.service == "audited" and i.witnesses]
    return bool(
        routes
        and routes[0].observed_endpoints
        and len(routes[0].observed or {}) == 2
        and routes[0].observed == routes[0].intended
        and len({digest for one in told for digest in one.values()}) == 2
    )


def test_a_copy_of_the_last_build_that_somebody_starts_by_hand_is_named(plane: LivePlane) -> None:
    first = plane.push("audited")
    assert plane.release("audited", first).state == "promoted"
    old = copies(plane)[0]
    with plane.ledger.begin() as db:
        image = inventory.live_service(db, "audited").stable_image
    second = plane.push("audited")
    with plane.load("audited"):
        plane.begin_release("audited", second)
        wait_for(lambda: plane.route("audited").candidate_share > 0)
        assert of_audited(plane)["findings"] == []
        wait_for(lambda: sees_the_candidate(plane))
        assert plane.wait_for_end("audited", 90).state == "promoted"
    wait_for(lambda: len(copies(plane)) == 2)
    healthy = of_audited(plane)
    assert healthy["findings"] == []
    assert healthy["seen_instances"] == 2

    platform = LocalPlatform(Path(plane.addresses.platform_socket))
    platform.start(StartOrder(("by-hand",), "audited", image or "", old.digest, Role.STABLE, 0))
    try:
        wait_for(lambda: len(copies(plane)) == 3)
        (finding,) = of_audited(plane)["findings"]
        (shown,) = repaired(plane)
        assert shown["state"] == "planned"
        assert len(copies(plane)) == 3
        (done,) = repaired(plane, "--do")
    finally:
        platform.stop(["by-hand"], 2.0)
    assert (finding["code"], finding["severity"]) == ("stale_instance", "critical")
    assert finding["instance"] == "by-hand"
    assert first in finding["detail"]
    assert done["state"] == "done"
    assert of_audited(plane)["findings"] == []
    assert plane.versions_served("audited") == {second}


def test_what_is_missing_is_started_and_its_route_is_put_in_force(plane: LivePlane) -> None:
    version = plane.stable("audited")
    platform = LocalPlatform(Path(plane.addresses.platform_socket))
    platform.stop([copies(plane)[0].id], 2.0)
    (done,) = repaired(plane, "--code", "missing_instances", "--do")
    assert done["state"] == "done", done
    assert len(copies(plane)) == 2
    wait_for(lambda: plane.route("audited").is_confirmed)
    assert of_audited(plane)["findings"] == []
    assert plane.versions_served("audited") == {version}

    before = plane.route("audited").generation
    parts = our_parts(plane)
    try:
        drift = {"code": "route_drift", "severity": "critical", "service": "audited"}
        planned = plan(parts, drift | {"instance": None, "detail": "somebody wrote to Envoy"})
        restored = carry_out(parts, planned, "tests")
    finally:
        parts.close()
    assert restored.state is State.DONE, restored.said
    assert plane.route("audited").generation == before + 1
    assert plane.versions_served("audited") == {version}
