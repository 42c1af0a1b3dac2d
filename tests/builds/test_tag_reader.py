from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.http_exchange import Deadlines
from davylamp.builds.layout import LayoutRegistry
from davylamp.builds.tag_reader import TagPage, read_tags_now
from davylamp.errors import BadInput, Refused, Unreachable

QUICK = Deadlines(connect=0.5, read=0.3, call=0.6, attempts=3, first_pause=0.01)


def test_tags_of_many_repositories_are_read_at_once(
    registry_url: str, repository: str, craft: Any
) -> None:
    for tag in ("1.1.0", "1.0.0"):
        craft.sound(tag)
    found = read_tags_now(registry_url, [repository, "no/such-one", repository])
    assert list(found) == [repository, "no/such-one"]
    page, absent = found[repository], found["no/such-one"]
    assert isinstance(page, TagPage)
    assert page.tags == ("1.0.0", "1.1.0")
    assert isinstance(absent, TagPage)
    assert absent.tags == ()


def test_a_new_tag_is_seen_by_one_who_knows_the_old_ones(
    registry_url: str, repository: str, craft: Any
) -> None:
    craft.sound("1.0.0")
    known: Any = read_tags_now(registry_url, [repository])
    assert read_tags_now(registry_url, [repository], known) == known
    craft.sound("1.1.0")
    page = read_tags_now(registry_url, [repository], known)[repository]
    assert isinstance(page, TagPage)
    assert page.tags == ("1.0.0", "1.1.0")


def test_one_wrong_repository_does_not_spoil_the_others(
    registry_url: str, repository: str, craft: Any
) -> None:
    craft.sound()
    found = read_tags_now(registry_url, [repository, "Not/A/Name"])
    assert isinstance(found[repository], TagPage)
    assert isinstance(found["Not/A/Name"], BadInput)


def test_a_broken_layout_does_not_spoil_the_others(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.json").write_text('{"manifests": []}' if name == "good" else "{")
    found = read_tags_now(f"oci-layout://{tmp_path}", ["bad", "good"])
    assert isinstance(found["bad"], Refused)
    assert isinstance(found["good"], TagPage)


def test_an_unchanged_layout_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/index.json").write_text('{"manifests": []}')
    url = f"oci-layout://{tmp_path}"
    known: Any = read_tags_now(url, ["a"])
    monkeypatch.setattr(LayoutRegistry, "tags", lambda self, repository: pytest.fail("read again"))
    assert read_tags_now(url, ["a"], known) == known


def test_each_kind_of_failure_stays_with_its_repository(serve: Any, said: Any) -> None:
    def answer(asked: Any) -> Any:
        name = asked.path.split("/")[2]
        return {
            "ill": said(503),
            "failing": said(500),
            "forbidden": said(403),
            "closed": said(401),
            "garbled": said(body=b"<html>"),
        }.get(name, said(body=json.dumps({"tags": ["1"]}).encode()))

    server = serve(answer)
    names = ["ill", "failing", "forbidden", "closed", "garbled", "fine"]
    found = read_tags_now(server.url, names, deadlines=QUICK)
    kinds = [type(found[name]) for name in names]
    assert kinds == [Unreachable, Unreachable, Refused, Refused, Refused, TagPage]
    assert sum("/ill/" in asked.path for asked in server.asked) == QUICK.attempts


def test_a_registry_that_is_down_is_an_answer_for_each_repository() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        found = read_tags_now(url, [f"shop/s{i}" for i in range(20)], deadlines=QUICK)
    assert [type(one) for one in found.values()] == [Unreachable] * 20


def test_a_registry_that_never_answers_is_unreachable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = read_tags_now(url, ["shop/checkout"], deadlines=QUICK)
    assert isinstance(found["shop/checkout"], Unreachable)


def test_known_tags_are_asked_for_by_their_etag(serve: Any, said: Any) -> None:
    def answer(asked: Any) -> Any:
        if asked.headers.get("If-None-Match") == '"v1"':
            return said(304)
        return said(body=b'{"tags": ["1"]}', headers={"ETag": '"v1"'})

    url = serve(answer).url
    known: Any = read_tags_now(url, ["a"])
    assert known["a"] == TagPage(("1",), '"v1"')
    assert read_tags_now(url, ["a"], known)["a"] is known["a"]


def test_all_pages_are_read_and_the_first_pages_etag_is_forgotten(serve: Any, said: Any) -> None:
    def answer(asked: Any) -> Any:
        page = int(asked.path.partition("last=")[2] or 0)
        headers = {"ETag": '"v1"'}
        if page < 2:
            headers["Link"] = f'</v2/a/tags/list?last={page + 1}>; rel="next"'
        return said(body=json.dumps({"tags": [str(page)]}).encode(), headers=headers)

    assert read_tags_now(serve(answer).url, ["a"])["a"] == TagPage(("0", "1", "2"), "")


def test_a_token_is_fetched_when_asked_for(serve: Any, said: Any) -> None:
    def answer(asked: Any) -> Any:
        if asked.path.startswith("/token"):
            return said(body=b'{"token": "t"}')
        if asked.headers.get("Authorization") == "Bearer t":
            return said(body=b'{"tags": ["1"]}')
        realm = f'Bearer realm="http://{asked.headers["Host"]}/token",service="s",scope="x:y"'
        return said(401, headers={"WWW-Authenticate": realm})

    server = serve(answer)
    assert read_tags_now(server.url, ["a"])["a"] == TagPage(("1",))
    assert any(asked.path == "/token?service=s&scope=x:y" for asked in server.asked)


def test_an_address_of_another_kind_is_bad_input() -> None:
    with pytest.raises(BadInput, match="is no registry"):
        read_tags_now("ftp://host", ["a"])
