"""`davylamp audit alerts|metrics|repair`: one document each, exit codes, errors that help."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from davylamp.audit.alerts.enqueue import enqueue
from davylamp.audit.alerts.serve_metrics import metrics_server
from davylamp.cli.audit import app
from davylamp.errors import BadInput, Unreachable
from davylamp.ledger.audits import Changes, Held, Look, record_look
from davylamp.ledger.session import Ledger
from davylamp.settings import load_settings
from tests.audit.alerts.receiver import receiving

pytestmark = pytest.mark.server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOK = Look(at=datetime.now(UTC), seconds=0.5, services=3, seen_instances=8, counts={}, unseen={})
STALE = Held("stale_instance", "checkout", "c-8", "", "critical", {"code": "stale_instance"})


@pytest.fixture(autouse=True)
def at_a_ledger(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path / "home"))


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


def test_an_option_before_a_subcommand_is_not_forgotten() -> None:
    with pytest.raises(BadInput, match="come after `alerts`"):
        ask("--service", "checkout", "alerts")


def test_notices_that_have_not_arrived_are_listed_and_can_be_sent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("DAVYLAMP_ALERT_URL", receiver.url)
        monkeypatch.setenv("DAVYLAMP_ALERT_SECRET", SECRET)
        receiver.status = 410
        with ledger.begin() as db:
            enqueue(db, Changes(1, (STALE,), (), ()), load_settings())

        pending = ask("alerts", "--json")
        assert pending.exit_code == 0
        assert json.loads(pending.stdout)["alerts"][0]["state"] == "pending"
        given_up = ask("alerts", "--send", "--json")
        assert given_up.exit_code == 1
        assert json.loads(given_up.stdout)["sent"]["given_up"] == 1
        assert "410" in ask("alerts").stdout
        receiver.status = 200
        assert json.loads(ask("alerts", "--again", "--send", "--json").stdout)["given_up"] == 0
    assert len(receiver.received) == 2


def test_without_an_address_it_is_said_that_nothing_is_sent() -> None:
    done = ask("alerts")
    assert done.exit_code == 0
    assert "DAVYLAMP_ALERT_URL" in done.stdout


def test_metrics_are_printed_written_and_served(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.begin() as db:
        record_look(db, LOOK, [STALE], lambda _: True)
    line = 'davylamp_audit_findings{code="stale_instance",severity="critical"} 1.0'
    assert line in ask("metrics").stdout.splitlines()
    file = tmp_path / "davylamp.prom"
    told = json.loads(ask("metrics", "--file", str(file), "--json").stdout)
    assert told["file"] == str(file)
    assert {"davylamp_audit_seen_instances": 8.0}.items() <= {
        one["name"]: one["value"] for one in told["metrics"]
    }.items()
    assert line in file.read_text().splitlines()
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == [file.name]

    with metrics_server(ledger, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        answer = httpx.get(f"{url}/metrics", trust_env=False)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert line in answer.text.splitlines()
        assert httpx.get(url, trust_env=False).status_code == 404
        server.shutdown()


def test_metrics_of_a_ledger_that_is_silent_make_the_scrape_fail() -> None:
    silent = Ledger.connect("postgresql://x@127.0.0.1:9/none")
    with metrics_server(silent, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        assert httpx.get(url, trust_env=False).status_code == 503
        server.shutdown()


def test_a_file_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none/x"):
        ask("metrics", "--file", str(tmp_path / "none" / "x.prom"))


@pytest.mark.parametrize("command", ["alerts", "metrics", "repair"])
def test_an_unreachable_ledger_is_told_from_bad_input(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", "postgresql://x@127.0.0.1:9/none")
    monkeypatch.setenv("DAVYLAMP_PLATFORM_SOCKET", "/nowhere")
    with pytest.raises(Unreachable, match="ledger"):
        ask(command, "--json")
