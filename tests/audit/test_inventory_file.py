"""Bad inventories: what is wrong, and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from davylamp.audit.inventory_file import read_inventory
from davylamp.audit.run import run_audit
from davylamp.errors import BadInput
from tests.audit.fleets import NOW, Document, healthy


def refused(content: bytes) -> str:
    with pytest.raises(BadInput) as error:
        read_inventory(content, "fleet.json")
    return str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"nonsense"])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    assert "fleet.json" in refused(content)


def test_the_place_of_a_json_error_is_told() -> None:
    assert "fleet.json:2:9: not JSON" in refused(b'{\n  "now" 1}')


@pytest.mark.parametrize("part", ["now", "services", "builds", "instances", "flags", "routes"])
def test_an_inventory_without_one_of_its_parts_is_refused(part: str) -> None:
    document = healthy(1)
    del document[part]
    assert f"{part} is missing" in refused(json.dumps(document).encode())


def _set(path: str, value: Any) -> Callable[[Document], None]:
    def change(document: Any) -> None:
        *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
        for part in parents:
            document = document[part]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("now", "yesterday"), "now: no moment"),
        (_set("now", True), "now: no moment"),
        (_set("instances.2.digest", 5), r"instances[2].digest: Input should be a valid string"),
        (_set("instances.0.id", ""), "instances[0].id"),
        (_set("instances.0.role", "king"), "instances[0].role"),
        (_set("instances.0.last_seen_at", "1e999"), "instances[0].last_seen_at"),
        (_set("instances.0", None), "instances[0]"),
        (_set("services.0.replicas", -1), "services[0].replicas"),
        (_set("services.0.name", None), "services[0].name"),
        (_set("builds.1.contract", []), "builds[1].contract"),
        (_set("databases.0.lineage", ["r1", "r1"]), 'databases[0].lineage[1]: "r1" is there twice'),
        (_set("routes.0.observed", {"x": -0.5}), "routes[0].observed.x"),
        (_set("routes.0.observed", {"x": float("nan")}), "routes[0].observed.x"),
        (_set("flags", None), "flags"),
        (_set("limits", {"unseen_seconds": "soon"}), "limits.unseen_seconds"),
        (_set("services", {}), "services"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    change: Callable[[Document], None], said: str
) -> None:
    document = healthy(1)
    change(document)
    assert said in refused(json.dumps(document).encode())


def test_a_service_that_is_there_twice_is_refused() -> None:
    document = healthy(1)
    document["services"].append(document["services"][0])
    assert 'services[1]: "s0" is there twice' in refused(json.dumps(document).encode())


def test_a_thousand_problems_are_told_shortly() -> None:
    document = healthy(1)
    document["instances"] = [{}] * 1000
    said = refused(json.dumps(document).encode())
    assert len(said) < 2000
    assert "and 1990 more" in said


def test_unknown_keys_are_ignored_and_moments_may_be_text() -> None:
    document = healthy(2)
    document["from"] = "somewhere"
    document["instances"][0] |= {"zone": "a", "last_seen_at": "2027-01-15T07:59:50Z"}
    document["now"] = "2027-01-15T09:00:00+01:00"
    found = read_inventory(json.dumps(document).encode(), "fleet.json")
    assert found.now == NOW
    assert run_audit(found).findings == ()


def test_an_empty_fleet_is_audited_too() -> None:
    document = healthy(0) | {"flags": {}}
    found = run_audit(read_inventory(json.dumps(document).encode(), "fleet.json"))
    assert (found.findings, found.seen_instances) == ((), 0)
