"""Knight Capital, 1 August 2012: seven of eight servers got the new build, and its flag's name
had been used before."""

from __future__ import annotations

from tests.audit.fleets import NOW, Document, audited, build, digest, instance


def knight() -> Document:
    old, new = digest("smars 2003"), digest("smars 2012")
    return {
        "now": NOW,
        "services": [
            {"name": "smars", "stable_digest": new, "replicas": 8, "release": None, "databases": []}
        ],
        "builds": [
            build("smars", version, contract={"flags": ["power-peg"], "databases": {}})
            for version in ("2003", "2012")
        ],
        "instances": [instance("smars", f"smars-{n}", old if n == 8 else new) for n in range(1, 9)],
        "flags": {
            "revision": 7,
            "published_at": NOW - 3600,
            "active": ["power-peg"],
            "retired": ["power-peg"],
        },
        "databases": [],
        "routes": [],
    }


def test_the_eighth_server_is_named_with_its_build_and_its_flag() -> None:
    audit = audited(knight())
    (stale,) = [f for f in audit.findings if f.code == "stale_instance"]
    assert (stale.service, stale.instance) == ("smars", "smars-8")
    assert "2003" in stale.detail
    assert "power-peg" in stale.detail
    assert audit.is_critical


def test_the_flag_and_who_reads_it_are_named() -> None:
    found = {f.code: f for f in audited(knight()).findings}
    assert set(found) == {"stale_instance", "flag_reused", "retired_flag_read"}
    assert "power-peg" in found["flag_reused"].detail
    assert "2003" in found["retired_flag_read"].detail
    assert "smars-8" in found["retired_flag_read"].detail


def test_the_same_deploy_on_all_eight_leaves_no_stale_instance() -> None:
    document = knight()
    document["instances"][-1]["digest"] = digest("smars 2012")
    assert "stale_instance" not in {f.code for f in audited(document).findings}
