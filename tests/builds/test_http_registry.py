"""What a registry over HTTP may do wrong, and what it may ask for."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.http_auth import Challenge, Credentials, check_realm, parse_challenge
from davylamp.builds.http_exchange import Deadlines
from davylamp.builds.http_registry import HttpRegistry
from davylamp.builds.image import build_image, push_image
from davylamp.builds.tag_page import next_link
from davylamp.errors import Refused, Unreachable

DIGEST = "sha256:" + "ab" * 32
QUICK = Deadlines(connect=0.5, read=0.3, call=0.6, blob=0.6, attempts=3, first_pause=0.01)
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def opened() -> Iterator[Callable[..., HttpRegistry]]:
    made: list[HttpRegistry] = []

    def make(url: str, **given: Any) -> HttpRegistry:
        given.setdefault("credentials", Credentials())
        given.setdefault("deadlines", QUICK)
        made.append(HttpRegistry(url, **given))
        return made[-1]

    yield make
    for one in made:
        one.close()


# --- a registry that lies -----------------------------------------------------------------


def test_another_manifest_than_asked_for_is_refused(opened: Any, serve: Any, said: Any) -> None:
    server = serve(lambda asked: said(body=b'{"layers": []}'))
    with pytest.raises(Refused, match=f"where {DIGEST} was asked for"):
        opened(server.url).manifest("shop/checkout", DIGEST)


def test_a_manifest_that_differs_from_its_own_header_is_refused(
    opened: Any, serve: Any, said: Any
) -> None:
    server = serve(lambda asked: said(body=b"{}", headers={"Docker-Content-Digest": DIGEST}))
    with pytest.raises(Refused, match="do not trust this registry"):
        opened(server.url).manifest("shop/checkout", "1.0.0")


def test_another_blob_than_asked_for_is_refused(opened: Any, serve: Any, said: Any) -> None:
    server = serve(lambda asked: said(body=b"something else"))
    with pytest.raises(Refused, match="has in truth the digest"):
        list(opened(server.url).blob("shop/checkout", DIGEST))


def test_a_blob_without_end_is_refused_at_its_promised_size(
    opened: Any, serve: Any, said: Any
) -> None:
    def forever() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    server = serve(lambda asked: said(body=forever()))
    with pytest.raises(Refused, match="more than the 100 bytes promised"):
        list(opened(server.url).blob("shop/checkout", DIGEST, 100))


def test_an_answer_that_is_too_large_is_refused(opened: Any, serve: Any, said: Any) -> None:
    server = serve(lambda asked: said(body=b" " * 9_000_000))
    with pytest.raises(Refused, match="an answer of over"):
        opened(server.url, deadlines=Deadlines()).manifest("shop/checkout", "1.0.0")


def test_a_digest_that_is_none_is_refused(opened: Any, serve: Any, said: Any) -> None:
    server = serve(lambda asked: said(headers={"Docker-Content-Digest": "../../etc"}))
    with pytest.raises(Refused, match="which is none"):
        opened(server.url).resolve("shop/checkout", "1.0.0")


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"tags": 3}', b'{"tags": [{}]}'])
def test_an_unreadable_list_of_tags_is_refused(
    opened: Any, serve: Any, said: Any, body: bytes
) -> None:
    server = serve(lambda asked: said(body=body))
    with pytest.raises(Refused):
        opened(server.url).tags("shop/checkout")


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"\xff"])
def test_an_unreadable_manifest_is_refused(opened: Any, serve: Any, said: Any, body: bytes) -> None:
    server = serve(lambda asked: said(body=body))
    with pytest.raises(Refused, match="no JSON object"):
        opened(server.url).manifest("shop/checkout", "1.0.0")


# --- a registry that is ill ---------------------------------------------------------------


def test_a_registry_that_recovers_is_asked_again(opened: Any, serve: Any, said: Any) -> None:
    answers = iter(
        [said(503), said(429, headers={"Retry-After": "0"}), said(body=b'{"tags":["1"]}')]
    )
    server = serve(lambda asked: next(answers))
    assert opened(server.url).tags("shop/checkout") == ["1"]
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_registry_that_stays_ill_is_unreachable_after_a_few_tries(
    opened: Any, serve: Any, said: Any, status: int
) -> None:
    server = serve(lambda asked: said(status))
    with pytest.raises(Unreachable, match=f"status {status}.*davylamp status"):
        opened(server.url).tags("shop/checkout")
    assert len(server.asked) == QUICK.attempts


def test_a_registry_that_fails_is_unreachable_and_one_that_forbids_refuses(
    opened: Any, serve: Any, said: Any
) -> None:
    with pytest.raises(Unreachable, match="500"):
        opened(serve(lambda asked: said(500)).url).tags("shop/checkout")
    with pytest.raises(Refused, match="403 no entry"):
        opened(serve(lambda asked: said(403, b"no entry")).url).tags("shop/checkout")


def test_a_registry_that_is_not_there_is_unreachable(opened: Any) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        registry = opened(f"http://127.0.0.1:{held.getsockname()[1]}")
        for ask in (
            registry.check,
            lambda: registry.tags("a/b"),
            lambda: registry.resolve("a", "1"),
        ):
            with pytest.raises(Unreachable, match="see whether it runs"):
                ask()
        with pytest.raises(Unreachable):
            list(registry.blob("a/b", DIGEST))


def test_a_registry_that_never_answers_is_unreachable(opened: Any) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        with pytest.raises(Unreachable):
            opened(f"http://127.0.0.1:{silent.getsockname()[1]}").tags("shop/checkout")


def test_a_registry_that_drips_is_unreachable(opened: Any, serve: Any, said: Any) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.05)

    server = serve(lambda asked: said(body=drip()))
    with pytest.raises(Unreachable, match="in time"):
        opened(server.url).tags("shop/checkout")
    with pytest.raises(Unreachable, match="in time"):
        list(opened(server.url).blob("shop/checkout", DIGEST))


def test_an_answer_that_breaks_off_is_unreachable(opened: Any, serve: Any, said: Any) -> None:
    server = serve(lambda asked: said(body=b"half", headers={"Content-Length": "8"}))
    with pytest.raises(Unreachable):
        list(opened(server.url).blob("shop/checkout", DIGEST))


def test_what_is_no_registry_is_unreachable(opened: Any, serve: Any, said: Any) -> None:
    with pytest.raises(Unreachable, match="is no registry"):
        opened(serve(lambda asked: said(404)).url).check()


# --- pages and ETags ----------------------------------------------------------------------


def test_all_pages_of_tags_are_read(opened: Any, serve: Any, said: Any) -> None:
    def answer(asked: Any) -> Any:
        page = int(asked.path.partition("last=")[2] or 0)
        link = {"Link": f'</v2/a/b/tags/list?last={page + 1}>; rel="next"'} if page < 3 else {}
        return said(body=json.dumps({"tags": [f"1.{page}.0"]}).encode(), headers=link)

    assert opened(serve(answer).url).tags("a/b") == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]


def test_a_page_on_another_host_is_refused(opened: Any, serve: Any, said: Any) -> None:
    link = {"Link": '<http://evil.example/v2/a/b/tags/list>; rel="next"'}
    server = serve(lambda asked: said(body=b'{"tags": []}', headers=link))
    with pytest.raises(Refused, match="another address"):
        opened(server.url).tags("a/b")


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", ""),
        ('</a?n=1>; rel="next"', "/a?n=1"),
        ("</a>; rel=next", "/a"),
        ('</p>; rel="prev", </n>; rel="next"', "/n"),
        ('</p>; rel="prev"', ""),
    ],
)
def test_the_next_page_is_found_in_a_link_header(header: str, target: str) -> None:
    assert next_link(header) == target


def test_tags_that_have_not_changed_are_not_sent_again(opened: Any, serve: Any, said: Any) -> None:
    def answer(asked: Any) -> Any:
        if asked.headers.get("If-None-Match") == '"one"':
            return said(304)
        return said(body=b'{"tags": ["1.0.0"]}', headers={"ETag": '"one"'})

    registry = opened(serve(answer).url)
    assert registry.tags("a/b") == ["1.0.0"]
    assert registry.tags("a/b") == ["1.0.0"]


# --- who we are ---------------------------------------------------------------------------


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.server
def test_a_token_is_fetched_from_where_a_real_registry_says(
    opened: Any, serve: Any, said: Any, make_docker_registry: Any, source: Path
) -> None:
    tokens = serve(lambda asked: said(body=b'{"token": "let-me-in"}'))
    more = f"auth: {{silly: {{realm: {tokens.url}/token, service: shop-registry}}}}\n"
    registry = opened(
        make_docker_registry(more).url,
        credentials=Credentials("ada", "love"),
        deadlines=Deadlines(),
    )
    built = build_image(source, version="1.2.0")
    push_image(registry, "shop/checkout", built, None)
    assert registry.tags("shop/checkout") == ["1.2.0"]
    assert {asked.headers["Authorization"] for asked in tokens.asked} == {basic("ada", "love")}
    asked_for = " ".join(asked.path for asked in tokens.asked)
    assert "service=shop-registry" in asked_for
    assert "repository%3Ashop%2Fcheckout%3Apu" in asked_for


def test_basic_credentials_are_sent_only_when_asked_for(
    opened: Any, serve: Any, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVYLAMP_REGISTRY_USER", "ada")
    monkeypatch.setenv("DAVYLAMP_REGISTRY_PASSWORD", "love")

    def answer(asked: Any) -> Any:
        if asked.headers.get("Authorization") == basic("ada", "love"):
            return said(body=b'{"tags": ["1.0.0"]}')
        return said(401, headers={"WWW-Authenticate": 'Basic realm="shop"'})

    server = serve(answer)
    registry = opened(server.url, credentials=Credentials.from_environment())
    assert registry.tags("a/b") == ["1.0.0"]
    assert registry.tags("a/b") == ["1.0.0"]
    assert ["Authorization" in asked.headers for asked in server.asked] == [False, True, True]


@pytest.mark.parametrize("challenge", ['Basic realm="x"', "Negotiate", ""])
def test_a_registry_that_does_not_let_us_in_is_refused(
    opened: Any, serve: Any, said: Any, challenge: str
) -> None:
    server = serve(lambda asked: said(401, headers={"WWW-Authenticate": challenge}))
    with pytest.raises(Refused, match="DAVYLAMP_REGISTRY_USER"):
        opened(server.url).tags("a/b")
    with pytest.raises(Refused, match="DAVYLAMP_REGISTRY_USER"):
        opened(server.url, credentials=Credentials("ada", "wrong")).tags("a/b")


def test_a_token_that_runs_out_is_renewed(opened: Any, serve: Any, said: Any) -> None:
    issued: list[str] = []

    def answer(asked: Any) -> Any:
        if asked.path.startswith("/token"):
            issued.append(f"t{len(issued)}")
            return said(body=json.dumps({"access_token": issued[-1]}).encode())
        if issued and asked.headers.get("Authorization") == f"Bearer {issued[-1]}":
            return said(body=b'{"tags": ["1"]}')
        realm = f'Bearer realm="http://{asked.headers["Host"]}/token",scope="a"'
        return said(401, headers={"WWW-Authenticate": realm})

    registry = opened(serve(answer).url)
    assert registry.tags("a/b") == ["1"]
    issued.append("another")
    assert registry.tags("a/b") == ["1"]
    assert len(issued) == 3


def test_a_challenge_is_read_whatever_its_order() -> None:
    header = 'Bearer realm="https://auth.example/token",scope="repository:a/b:pull,push",service=r'
    assert parse_challenge(header) == Challenge(
        "bearer", "https://auth.example/token", "r", "repository:a/b:pull,push"
    )


@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example/",
        "",
        "file:///etc/passwd",
        "/token",
        "https://a:99999/",
        "https://[::1",
    ],
)
def test_credentials_of_an_https_registry_never_travel_in_the_clear(realm: str) -> None:
    with pytest.raises(Refused, match="must be an https address"):
        check_realm("https://registry.example", Challenge("bearer", realm))


# --- pushing ------------------------------------------------------------------------------


def test_an_upload_place_on_another_host_is_refused(
    opened: Any, serve: Any, said: Any, tmp_path: Path
) -> None:
    def answer(asked: Any) -> Any:
        if asked.method == "HEAD":
            return said(404)
        return said(202, headers={"Location": "http://evil.example/upload"})

    file = tmp_path / "blob"
    file.write_bytes(b"")
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(Refused, match="another address"):
        opened(serve(answer).url).push_blob("a/b", file, empty)


def test_a_blob_that_is_there_already_is_not_sent(
    opened: Any, serve: Any, said: Any, tmp_path: Path
) -> None:
    server = serve(lambda asked: said(200))
    opened(server.url).push_blob("a/b", tmp_path / "not-even-read", DIGEST)
    assert [asked.method for asked in server.asked] == ["HEAD"]
