"""What one look at the registries finds: no Dagster, real images in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

import pytest

from davylamp.catalog.model import Catalog, Image
from davylamp.errors import Unreachable
from davylamp.settings import Settings
from sensors.look import Look, look
from sensors.seen import Seen, dump_seen, load_seen

MakeCatalog = Callable[..., Catalog]


def nothing_stable() -> Mapping[str, str]:
    return {}


@pytest.fixture
def glance(shelf) -> Callable[..., Look]:
    settings = Settings(registry_url=shelf.url)

    def take(catalog: Catalog, seen: Mapping[str, Seen] | None = None, **more: object) -> Look:
        given = {"stable_digests": nothing_stable, "most_news": 25} | more
        return look(settings, catalog, seen or {}, **given)

    return take


def test_first_look_releases_only_the_newest_version(shelf, glance, make_catalog) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        shelf.push("checkout", version)

    found = glance(make_catalog("checkout"))

    assert [(one.service, one.tag) for one in found.news] == [("checkout", "1.10.0")]
    assert found.seen["checkout"].tag == "1.10.0"


def test_first_look_leaves_alone_what_is_stable_already(shelf, glance, make_catalog) -> None:
    digest = shelf.push("checkout", "1.0.0")

    found = glance(make_catalog("checkout"), stable_digests=lambda: {"checkout": digest})

    assert found.news == []
    assert found.seen["checkout"] == Seen("1.0.0", digest)


def test_what_was_seen_is_not_released_again(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "1.0.0")
    catalog = make_catalog("checkout")
    first = glance(catalog)

    second = glance(catalog, first.seen)

    assert second.news == []
    assert second.seen == first.seen


def test_newer_version_is_released_with_the_digest_of_its_tag(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "1.0.0")
    catalog = make_catalog("checkout")
    first = glance(catalog)
    digest = shelf.push("checkout", "1.1.0")

    second = glance(catalog, first.seen)

    assert [(one.tag, one.digest) for one in second.news] == [("1.1.0", digest)]


def test_older_version_pushed_later_is_not_released(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "2.0.0")
    catalog = make_catalog("checkout")
    first = glance(catalog)
    shelf.push("checkout", "1.5.0")

    assert glance(catalog, first.seen).news == []


def test_moved_tag_is_named_once_and_not_released(shelf, glance, make_catalog) -> None:
    before = shelf.push("checkout", "1.0.0")
    catalog = make_catalog("checkout")
    first = glance(catalog)
    after = shelf.push("checkout", "1.0.0", "something else", move=True)

    second = glance(catalog, first.seen)
    third = glance(catalog, second.seen)

    assert second.news == third.news == []
    assert second.seen["checkout"] == Seen("1.0.0", before, after)
    assert "moved to another digest" in second.remarks[0]
    assert third.remarks == []


def test_new_version_after_a_moved_tag_is_released(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "1.0.0")
    catalog = make_catalog("checkout")
    first = glance(catalog)
    shelf.push("checkout", "1.0.0", "something else", move=True)
    second = glance(catalog, first.seen)
    shelf.push("checkout", "1.0.1")

    assert [one.tag for one in glance(catalog, second.seen).news] == ["1.0.1"]


def test_tags_that_are_no_releases_are_ignored(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "1.0.0")  # and its signature, sha256-….sig
    shelf.push("checkout", "latest")
    shelf.push("checkout", "2.0.0-rc1")

    assert [one.tag for one in glance(make_catalog("checkout")).news] == ["1.0.0"]


def test_service_with_another_tag_pattern_is_released_by_it(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "build-7")
    image = Image(repository="shop/checkout", tag_pattern=r"^build-\d+$")

    found = glance(make_catalog("checkout", checkout={"image": image}))

    assert [one.tag for one in found.news] == ["build-7"]


def test_repository_that_does_not_exist_yet_is_no_failure(shelf, glance, make_catalog) -> None:
    found = glance(make_catalog("checkout"))

    assert (found.news, found.failures, found.seen) == ([], [], {})


def test_damaged_repository_stops_nobody_else(shelf, glance, make_catalog) -> None:
    shelf.push("cart", "1.0.0")
    shelf.push("checkout", "1.0.0")
    (shelf.folder / "shop/cart/index.json").write_text("{broken")

    found = glance(make_catalog("cart", "checkout"))

    assert [one.service for one in found.news] == ["checkout"]
    assert "cart" in found.failures[0]


def test_registry_that_is_down_keeps_what_was_seen(glance, make_catalog) -> None:
    down = "http://127.0.0.1:9"
    seen = {"checkout": Seen("1.0.0", "sha256:" + "a" * 64)}

    found = look(Settings(registry_url=down), make_catalog("checkout"), seen, nothing_stable, 25)

    assert found.seen == seen
    assert found.news == []
    assert down in found.failures[0]


def test_ledger_that_is_down_at_first_sight_leaves_the_service_unseen(
    shelf, glance, make_catalog
) -> None:
    shelf.push("checkout", "1.0.0")

    def unreachable() -> Mapping[str, str]:
        raise Unreachable("the ledger does not answer")

    found = glance(make_catalog("checkout"), stable_digests=unreachable)

    assert found.seen == {}
    assert "ledger" in found.failures[0]


def test_more_news_than_a_tick_may_submit_waits_for_the_next_one(
    shelf, glance, make_catalog
) -> None:
    names = [f"service-{letter}" for letter in "abcde"]
    for name in names:
        shelf.push(name, "1.0.0")
    catalog = make_catalog(*names)

    first = glance(catalog, most_news=3)
    second = glance(catalog, first.seen, most_news=3)

    assert len(first.news) == 3
    assert len(second.news) == 2
    assert {one.service for one in [*first.news, *second.news]} == set(names)


def test_service_that_left_the_catalog_is_forgotten(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "1.0.0")
    first = glance(make_catalog("checkout"))

    assert glance(make_catalog("cart"), first.seen).seen == {}


def test_repository_that_vanished_keeps_what_was_seen(shelf, glance, make_catalog) -> None:
    shelf.push("checkout", "1.0.0")
    catalog = make_catalog("checkout")
    first = glance(catalog)
    shutil.rmtree(shelf.folder / "shop/checkout")

    assert glance(catalog, first.seen).seen == first.seen


def test_cursor_survives_being_written_and_read() -> None:
    seen = {"a-b": Seen("1.0.0", "sha256:1"), "c-d": Seen("2.0.0", "sha256:2", "sha256:3")}

    assert load_seen(dump_seen(seen)) == seen


@pytest.mark.parametrize("cursor", [None, "", "{", "[]", '{"a": 1}', '{"a": []}'])
def test_cursor_nobody_can_read_means_nothing_was_seen(cursor: str | None) -> None:
    assert load_seen(cursor) == {}
