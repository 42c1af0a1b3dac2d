"""What is wrong with a catalog is said with file, line and field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from davylamp.catalog.load import check_catalog, load_catalog
from davylamp.catalog.model import Service
from davylamp.catalog.problem import Problem
from davylamp.cli.catalog import app
from davylamp.errors import BadInput

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "catalog"
CART = """\
name: cart
owner: team-cart
image:
  repository: shop/cart
route:
  hosts: [cart.localhost]
"""
DEFAULTS = """\
tier: 2
health:
  path: /healthz
judge:
  minimum_requests: 70
"""


def folder_of(tmp_path: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        file = tmp_path / f"{name}.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


def only_problem(folder: Path) -> Problem:
    problems = check_catalog(folder)
    assert len(problems) == 1, [str(p) for p in problems]
    return problems[0]


SHOP_SERVICES = ["cart", "checkout", "orders", "payments", "trading"]


def test_the_shop_has_nothing_wrong() -> None:
    assert check_catalog(SHOP) == []
    assert sorted(load_catalog(SHOP).services) == SHOP_SERVICES


def test_defaults_lie_beneath_each_service_field_by_field(tmp_path: Path) -> None:
    cart = CART + "health:\n  start_seconds: 5\ntier: 1\n"
    service = load_catalog(folder_of(tmp_path, _defaults=DEFAULTS, cart=cart)).service("cart")
    assert service.tier == 1
    assert (service.health.path, service.health.start_seconds) == ("/healthz", 5)
    assert service.judge.policy().minimum_requests == 70


def test_a_list_replaces_the_list_of_the_defaults(tmp_path: Path) -> None:
    defaults = "judge:\n  critical: [error_rate, hanging]\n"
    cart = CART + "judge:\n  critical: [latency_p99]\n"
    service = load_catalog(folder_of(tmp_path, _defaults=defaults, cart=cart)).service("cart")
    assert service.judge.critical == ("latency_p99",)


@pytest.mark.parametrize(
    ("added", "line", "field", "said"),
    [
        ("tier: 9\n", 7, "tier", "less than or equal to 4, found 9"),
        ("teir: 1\n", 7, "teir", "did you mean 'tier'?"),
        ("health:\n  pth: /x\n", 8, "health.pth", "did you mean 'path'?"),
        (
            "release:\n  steps:\n  - {share: 0.1}\n  - {share: 1, secs: 5}\n",
            10,
            "release.steps[1].secs",
            "did you mean 'seconds'?",
        ),
        ("release:\n  steps: [{share: 0.1}]\n", 7, "release", "must have share 1.0"),
        (
            "release:\n  steps:\n  - share: 0.5\n  - share: 0.1\n    seconds: x\n",
            11,
            "release.steps[1].seconds",
            "found 'x'",
        ),
        ("judge:\n  critical:\n  - eror_rate\n", 9, "judge.critical[0]", "mean 'error_rate'"),
        ("judge:\n  alpha: 2\n", 8, "judge.alpha", "found 2"),
        ("owner: other\n", 7, "owner", "said twice, first in line 2"),
        ("tier: .inf\n", 7, "tier", "not a usable value"),
        ("tier: !!int x\n", 7, "tier", "not a usable value"),
        ("description: !!python/name:os.system x\n", 7, "description", "is not read"),
        ("<<: {tier: 1}\n", 7, "", "merge keys"),
        ("1: x\n", 7, "", "must be text"),
        ("? [a, b]\n: x\n", 7, "", "must be text"),
        ("environment: {PORT: 80}\n", 7, "environment.PORT", "valid string, found 80"),
        ("tier: [\n", 8, "", "not valid YAML"),
        ("tier: 'x\n", 8, "", "not valid YAML"),
        ("tier: @x\n", 7, "", "not valid YAML"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(
    tmp_path: Path, added: str, line: int, field: str, said: str
) -> None:
    found = only_problem(folder_of(tmp_path, cart=CART + added))
    assert found.file == tmp_path / "cart.yaml"
    assert (found.line, found.field) == (line, field)
    assert said in found.message
    assert re.match(rf".*cart\.yaml:{line}: ", str(found))


def test_a_wrong_tag_pattern_is_found(tmp_path: Path) -> None:
    cart = CART.replace("shop/cart\n", "shop/cart\n  tag_pattern: 'v(\\d+'\n")
    found = only_problem(folder_of(tmp_path, cart=cart))
    assert (found.line, found.field) == (5, "image.tag_pattern")


def test_a_mistake_in_the_defaults_points_there_and_is_told_once(tmp_path: Path) -> None:
    defaults = DEFAULTS.replace("/healthz", "healthz")
    two = CART.replace("cart", "two")
    found = only_problem(folder_of(tmp_path, _defaults=defaults, cart=CART, two=two))
    assert (found.file.name, found.line, found.field) == ("_defaults.yaml", 3, "health.path")


def test_a_missing_field_says_where_it_may_be_put(tmp_path: Path) -> None:
    found = only_problem(folder_of(tmp_path, cart=CART.replace("owner: team-cart\n", "")))
    assert found.field == "owner"
    assert "_defaults.yaml" in found.message


@pytest.mark.parametrize("name", ["", "name: trolley\n"])
def test_a_service_is_named_like_its_file(tmp_path: Path, name: str) -> None:
    found = only_problem(folder_of(tmp_path, cart=CART.replace("name: cart\n", name)))
    assert found.field == "name"


def test_the_defaults_have_no_name(tmp_path: Path) -> None:
    found = only_problem(folder_of(tmp_path, _defaults="name: cart\n", cart=CART))
    assert (found.file.name, found.field) == ("_defaults.yaml", "name")


def test_hosts_and_images_belong_to_one_service_each(tmp_path: Path) -> None:
    other = CART.replace("name: cart", "name: other").replace("cart.local", "CART.local")
    problems = check_catalog(folder_of(tmp_path, cart=CART, other=other))
    assert [(p.file.name, p.line, p.field) for p in problems] == [
        ("other.yaml", 4, "image.repository"),
        ("other.yaml", 6, "route.hosts[0]"),
    ]
    assert "'cart'" in problems[0].message


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a="tier: 9\n", b="", c="- 1\n", d=b"x: \xff\n")
    with pytest.raises(BadInput) as refusal:
        load_catalog(folder)
    for name in "abcd":
        assert f"{name}.yaml:1: " in str(refusal.value)


def test_what_is_not_a_service_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "dir.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "old.yml").write_text(CART)
    (tmp_path / "README.md").write_text("fine")
    problems = check_catalog(folder_of(tmp_path, cart=CART))
    assert [p.file.name for p in problems] == ["dir.yaml", "gone.yaml", "old.yml"]


def test_a_folder_without_services_says_what_to_do(tmp_path: Path) -> None:
    assert "add one YAML file a service" in only_problem(tmp_path).message
    with pytest.raises(BadInput, match="DAVYLAMP_CATALOG"):
        check_catalog(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [
        "[" * 1500,
        "- " * 1500,
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "&a : &a [*a, *a]",
        "\n".join(
            ["a0: &a0 [1, 1]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))]
        ),
        "x: " + "9" * 10_000,
        "!!timestamp x: !!timestamp y",
        "a: !!bool x\nb: !!int ''\nc: !!float ''\nd: !!binary x\ne: !!set x\n",
        "--- {}\n--- {}\n",
        "\x00",
        "a: \x07",
        'name: "\\ud800"\n"\\ud800": 1\n',
        "%YAML 9.9\n--- {}",
        "a: 2024-99-99\n",
        "x" * 1_100_000,
    ],
)
def test_nasty_files_are_problems_and_nothing_worse(tmp_path: Path, content: str) -> None:
    problems = check_catalog(folder_of(tmp_path, cart=content, _defaults=content))
    assert problems
    assert all(str(p) for p in problems)


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(
    content=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | st.text("[]{}:-?&*!|>'\"%@`#, \nab01.~<", max_size=40).map(str.encode)
)
def test_no_bytes_at_all_raise_anything(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = folder_of(tmp_path_factory.mktemp("fuzz"), cart=CART.encode() + content)
    folder_of(folder, _defaults=content, other=content)
    assert all(p.line >= 1 for p in check_catalog(folder))


@settings(max_examples=80, deadline=None)
@given(field=st.sampled_from(sorted(Service.model_fields)), value=yaml_values)
def test_no_value_of_any_field_raises_anything(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: Any
) -> None:
    """JSON is YAML, nearly."""
    whole = {
        "name": "cart",
        "owner": "o",
        "image": {"repository": "shop/cart"},
        "route": {"hosts": ["h"]},
    }
    folder = tmp_path_factory.mktemp("fuzz")
    content = json.dumps(whole | {field: value})
    for problem in check_catalog(folder_of(folder, cart=content)):
        assert problem.file.name == "cart.yaml"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_check_prints_file_line_and_field_and_exits_1(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, cart=CART + "tier: 9\n")
    told = run("check", str(folder))
    assert told.exit_code == 1
    assert f"{folder}/cart.yaml:7: tier: " in told.stdout
    document = json.loads(run("check", str(folder), "--json").stdout)
    assert document["problems"][0] | {"message": ""} == {
        "file": str(folder / "cart.yaml"),
        "line": 7,
        "column": 1,
        "field": "tier",
        "message": "",
    }


def test_check_of_a_good_catalog_exits_0() -> None:
    assert run("check", str(SHOP)).exit_code == 0
    assert json.loads(run("check", str(SHOP), "--json").stdout)["problems"] == []


def test_check_of_a_missing_folder_is_bad_input(tmp_path: Path) -> None:
    assert isinstance(run("check", str(tmp_path / "nowhere")).exception, BadInput)


def test_check_shows_odd_characters_harmlessly(tmp_path: Path) -> None:
    cart = CART + '"[red]\\e[2J": 1\n'
    told = run("check", str(folder_of(tmp_path, cart=cart)))
    assert told.exit_code == 1
    assert "[red]?[2J: is not a field" in told.stdout
    assert "\x1b" not in told.stdout


def test_list_and_show_have_the_defaults_merged(tmp_path: Path) -> None:
    folder = str(folder_of(tmp_path, _defaults=DEFAULTS, cart=CART))
    listed = json.loads(run("list", "--folder", folder, "--json").stdout)
    shown = json.loads(run("show", "cart", "--folder", folder, "--json").stdout)
    assert listed == {"services": [shown]}
    assert shown["tier"] == 2
    assert "minimum_requests: 70" in run("show", "cart", "--folder", folder).stdout
    assert "team-cart" in run("list", "--folder", folder).stdout
    unknown = run("show", "trolley", "--folder", folder).exception
    assert isinstance(unknown, BadInput)
    assert "cart" in str(unknown)
