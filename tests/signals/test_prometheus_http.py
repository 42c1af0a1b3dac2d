"""How Prometheus is asked, and what becomes of every kind of answer that is none."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from davylamp.errors import BadInput, Unreachable
from davylamp.signals.prometheus_http import PrometheusAccess
from davylamp.signals.prometheus_query import Prometheus, PromQL
from tests.signals.prometheus_rig import speaking

UP = PromQL("up", "a test")
ROW = {"metric": {"job": "a"}, "value": [1700000000.5, "7"]}


def said(document: Any, status: str = "200 OK", headers: str = "") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sizes = f"content-length: {len(body)}\r\nconnection: close\r\n"  # as `speaking` will
    head = f"HTTP/1.1 {status}\r\n{sizes}{headers}\r\n"
    return head.encode() + body


def a_vector(*rows: Any, **more: Any) -> bytes:
    return said({"status": "success", "data": {"resultType": "vector", "result": rows}} | more)


def ask(url: str, query: PromQL = UP, **more: Any) -> Any:
    return Prometheus(PrometheusAccess(url, deadline_seconds=0.5, **more)).ask(query)


def test_rows_come_with_labels_time_and_value() -> None:
    with speaking(a_vector(ROW)) as (url, _):
        (row,) = ask(url)
    assert (row.label("job"), row.label("x"), row.at, row.value) == ("a", "", 1700000000.5, 7)


def test_a_long_query_travels_in_the_body() -> None:
    long = PromQL(f'up{{job=~"{"a|" * 60_000}b"}}', "a test")
    with speaking(a_vector()) as (url, asked):
        assert ask(url, long) == []
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/query HTTP/1.1\r\n")
    assert parse_qs(body.decode())["query"] == [long.text]


def test_the_server_is_told_to_give_up_when_we_do() -> None:
    with speaking(a_vector()) as (url, asked):
        ask(url)
    assert b"timeout=0.5s" in asked[0]


def test_a_prefix_before_the_interface_is_kept() -> None:
    with speaking(a_vector()) as (url, asked):
        ask(f"{url}/select/0/prometheus/")
    assert asked[0].startswith(b"POST /select/0/prometheus/api/v1/query ")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (said(b"<html>hello</html>"), "something else than a vector"),
        (said(b"[]"), "something else than a vector"),
        (said({"status": "success"}), "something else than a vector"),
        (a_vector({"metric": {}, "values": [[1, "2"]]}), "something else than a vector"),
        (a_vector({"metric": {}, "value": [1, "x"]}), "something else than a vector"),
        (a_vector({"metric": {}, "histogram": [1, {}]}), "something else than a vector"),
        (said(b"oh", "500 Oh"), "answers 500"),
        (said({"status": "error", "error": "query timed out"}, "503 No"), "503: query timed out"),
        (said(b"who?", "401 No"), "answers 401: it does not accept our credentials"),
        (said(b"", "302 Over there", "location: /login\r\n"), "answers 302"),
        (b"no http at all\r\n\r\n", "does not answer"),
        (b"", "does not answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{", "does not answer"),
    ],
)
def test_what_is_no_answer_of_prometheus_is_unreachable(answer: bytes, complaint: str) -> None:
    with speaking(answer) as (url, _), pytest.raises(Unreachable, match=complaint) as raised:
        ask(url)
    assert url in str(raised.value)
    assert "a test" in str(raised.value)
    assert "DAVYLAMP_PROMETHEUS_URL" in str(raised.value)


@pytest.mark.parametrize("status", ["400 Bad", "422 Unprocessable"])
def test_a_query_that_prometheus_refuses_is_bad_input(status: str) -> None:
    refusal = {"status": "error", "errorType": "bad_data", "error": "unexpected end of input"}
    with speaking(said(refusal, status)) as (url, _), pytest.raises(BadInput, match="end of inp"):
        ask(url)


def test_an_answer_with_warnings_lacks_something() -> None:
    partly = a_vector(ROW, warnings=["remote read: store 3 is away"])
    with speaking(partly) as (url, _), pytest.raises(Unreachable, match="store 3 is away"):
        ask(url)


def test_remarks_and_labels_are_no_warnings() -> None:
    remark = ["PromQL info: metric might not be a counter"]
    with speaking(a_vector(ROW, warnings=remark)) as (url, _):
        assert len(ask(url)) == 1
    labelled = {"metric": {"warnings": "1"}, "value": [1, "2"]}
    with speaking(a_vector(labelled)) as (url, _):
        assert len(ask(url)) == 1


def test_nothing_is_asked_twice_within_a_tick() -> None:
    answers = [said(b"", "503 Busy"), a_vector(ROW)]
    with speaking(*answers) as (url, asked), pytest.raises(Unreachable, match="503"):
        ask(url)
    assert len(asked) == 1


def test_one_that_says_nothing_is_given_up() -> None:
    silent = speaking(b"", hold_open=True)
    with silent as (url, _), pytest.raises(Unreachable, match="no answer in time"):
        ask(url)


def test_one_that_drips_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            peer, _ = server.accept()
            peer.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while not ended.wait(0.1):
                peer.sendall(b"1\r\n \r\n")
            peer.close()

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match="too slow"):
            ask(f"http://127.0.0.1:{server.getsockname()[1]}")
        ended.set()
        thread.join(5)


def test_a_name_and_password_are_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = said(b"", "401 No")
    with speaking(refusal) as (url, asked), pytest.raises(Unreachable) as raised:
        ask(url, user="lamp", password="davy-1815")
    assert b"authorization: basic bgftcdpkyxz5lte4mtu=" in asked[0].lower()
    assert "davy-1815" not in f"{raised.value} {caplog.text} {PrometheusAccess(url, 'a', 'davy')!r}"


def test_a_token_is_sent_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    refusal = said(b"", "403 No")
    with speaking(refusal) as (url, asked), pytest.raises(Unreachable) as raised:
        ask(url, token="s3cret")
    assert b"authorization: bearer s3cret\r\n" in asked[0].lower()
    assert "s3cret" not in f"{raised.value} {caplog.text} {PrometheusAccess(url, token='s3cret')!r}"


def test_a_token_in_a_file_may_change(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with speaking(a_vector(), a_vector()) as (url, asked):
        prometheus = Prometheus(PrometheusAccess(url, token_file=str(file)))
        for token in ("first", "second"):
            file.write_text(f"{token}\n")
            prometheus.ask(UP)
        file.unlink()
        with pytest.raises(BadInput, match="token can't be read"):
            prometheus.ask(UP)
    assert [b"Bearer first" in asked[0], b"Bearer second" in asked[1]] == [True, True]


@pytest.mark.parametrize("url", ["", "localhost:9090", "ftp://a", "http://", "http://u:p@host"])
def test_an_address_that_is_none_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="Prometheus's address") as raised:
        PrometheusAccess(url)
    assert ":p@" not in str(raised.value)


def test_certificates_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file of certificates"):
        PrometheusAccess("https://a", ca_file=str(tmp_path / "ca.pem"))


def test_a_certificate_counts_only_if_we_were_told_to_trust_it(tmp_path: Path) -> None:
    tls = certified(tmp_path)
    with speaking(a_vector(), a_vector(ROW), tls=tls) as (url, _):
        with pytest.raises(Unreachable, match="certificate verify failed"):
            ask(url)
        assert len(ask(url, ca_file=str(tmp_path / "ca.pem"))) == 1


def certified(folder: Path) -> ssl.SSLContext:
    """For 127.0.0.1, by itself; `ca.pem` is what to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        ask("http://127.0.0.1:1")
