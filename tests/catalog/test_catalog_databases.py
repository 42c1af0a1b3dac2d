"""The databases of a catalog entry, and what is wrong with them, by field and line."""

from __future__ import annotations

from pathlib import Path

from davylamp.catalog.databases import for_everybody, variable_of
from davylamp.catalog.load import check_catalog, load_catalog
from davylamp.catalog.model import Service

ENTRY = """\
name: {name}
owner: tests
image: {{repository: shop/{name}}}
route: {{hosts: [{name}.localhost]}}
databases:
  shop: {shop}
"""


def catalog(folder: Path, **databases: str) -> Path:
    for name, shop in databases.items():
        (folder / f"{name}.yaml").write_text(ENTRY.format(name=name, shop=shop))
    return folder


def problems(folder: Path) -> list[tuple[str, int, str]]:
    return [(p.field, p.line, p.message) for p in check_catalog(folder)]


def test_a_database_is_kept_with_a_releases_copy_of_its_entry(tmp_path: Path) -> None:
    shop = "{url_from: SHOP_URL, schema: sales, roles: [orders], migrations: migrations}"
    service = load_catalog(catalog(tmp_path, orders=shop)).service("orders")
    found = service.databases["shop"]
    assert (found.schema_name, found.roles, found.url_from) == ("sales", ("orders",), "SHOP_URL")
    assert found.contract_approval == "by_hand"
    assert Service.model_validate(service.model_dump(mode="json")) == service


def test_what_is_wrong_is_told_by_field_and_line(tmp_path: Path) -> None:
    shop = "{url_from: shop-url, rolez: [x], quarantine_seconds: -1, contract_approval: maybe}"
    found = problems(catalog(tmp_path, orders=shop))
    fields = {field: message for field, _, message in found}
    assert set(fields) == {
        "databases.shop.url_from",
        "databases.shop.rolez",
        "databases.shop.quarantine_seconds",
        "databases.shop.contract_approval",
    }
    assert "did you mean 'roles'" in fields["databases.shop.rolez"]
    assert {line for _, line, _ in found} == {6}


def test_services_that_share_a_database_change_it_in_one_way(tmp_path: Path) -> None:
    found = problems(
        catalog(
            tmp_path,
            cart="{roles: [cart], quarantine_seconds: 9, migrations: migrations}",
            orders="{roles: [orders], migrations: history}",
        )
    )
    assert [field for field, _, _ in found] == [
        "databases.shop.quarantine_seconds",
        "databases.shop.migrations",
    ]
    assert "'cart' has it" in found[0][2]


def test_a_database_may_be_seen_through_each_services_own_variable(tmp_path: Path) -> None:
    folder = catalog(tmp_path, cart="{url_from: CART_URL}", orders="{url_from: ORDERS_URL}")
    assert problems(folder) == []


def test_all_roles_of_a_shared_database_count(tmp_path: Path) -> None:
    folder = catalog(tmp_path, cart="{roles: [cart, both]}", orders="{roles: [both, orders]}")
    services = load_catalog(folder).services.values()
    shop = for_everybody([service.databases["shop"] for service in services])
    assert shop.roles == ("cart", "both", "orders")


def test_a_copys_variable_is_named_after_the_database() -> None:
    assert variable_of("shop_main") == "DAVYLAMP_DATABASE_SHOP_MAIN"
