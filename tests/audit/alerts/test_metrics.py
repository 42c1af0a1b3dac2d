"""Figures for Prometheus: what it makes of them, and that nothing is 0 that nobody looked for."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from davylamp.audit.alerts.metrics import exposition
from davylamp.audit.codes import CODES
from davylamp.ledger.alerts import AlertCounts
from davylamp.ledger.audits import Held, Look

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THEN = NOW - timedelta(seconds=30)
LOOK = Look(at=THEN, seconds=1.25, services=500, seen_instances=9_981, counts={}, unseen={})


def held(code: str, severity: str, minutes: float) -> Held:
    return Held(code, "checkout", "c-8", "", severity, {}, NOW - timedelta(minutes=minutes))


def value(text: str, series: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(line.rpartition(" ")[2])


def test_findings_are_counted_by_code_and_severity() -> None:
    found = [held("stale_instance", "critical", 10), held("stale_instance", "critical", 20)]
    text = exposition(LOOK, found, NOW, AlertCounts(pending=2, given_up=1))
    series = 'davylamp_audit_findings{code="stale_instance",severity="critical"}'
    assert value(text, series) == 2
    assert value(text, series.replace("critical", "warning")) == 0
    assert value(text, 'davylamp_audit_oldest_finding_seconds{severity="critical"}') == 1200
    assert value(text, 'davylamp_audit_oldest_finding_seconds{severity="warning"}') == 0
    assert value(text, 'davylamp_alerts_undelivered{state="given_up"}') == 1
    assert text.count("davylamp_audit_findings{") == 2 * len(CODES)


def test_the_last_look_is_told() -> None:
    text = exposition(LOOK, [], NOW)
    assert value(text, "davylamp_audit_last_success_timestamp_seconds") == THEN.timestamp()
    assert value(text, "davylamp_audit_duration_seconds") == 1.25
    assert value(text, "davylamp_audit_seen_instances") == 9_981


def test_before_the_first_look_nothing_is_fine() -> None:
    text = exposition(None, [], NOW)
    assert value(text, "davylamp_audit_last_success_timestamp_seconds") == 0
    assert "davylamp_audit_findings{" not in text


def test_prometheus_reads_it_whatever_a_name_holds() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: `apt-get install prometheus`")
    odd = 'database "shop"\\\nüö'
    look = replace(LOOK, unseen={odd: "did not answer"})
    text = exposition(look, [held("odd\n", "critical", 1)], NOW, AlertCounts())
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
