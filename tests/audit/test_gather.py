"""What is gathered: how far a contract reaches, and flags from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.audit.gather.databases import Looks, contract_of
from davylamp.audit.gather.flag_file import FlagFile
from davylamp.audit.inventory import Flags
from davylamp.builds.contract import Contract, DatabaseContract
from davylamp.errors import BadInput
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.lineage import Lineage
from davylamp.schema.phases import Phase
from davylamp.schema.state import SchemaState

PHASES = {"a": Phase.EXPAND, "b": Phase.MIGRATE, "c": Phase.CONTRACT, "d": Phase.EXPAND}
LOOKS: Looks = {
    "shop": (
        SchemaFacts("shop", "b", Lineage(tuple(PHASES)), PHASES),
        SchemaState("shop", "b", Phase.NONE),
    )
}


@pytest.mark.parametrize(
    ("newest", "reach"), [("a", "b"), ("b", "b"), ("c", None), ("d", None), ("", None), ("x", "x")]
)
def test_a_build_works_until_the_next_contract_revision(newest: str, reach: str | None) -> None:
    contract = Contract(databases={"shop": DatabaseContract(newest_revision=newest)})
    found = contract_of(contract, LOOKS)
    assert found is not None
    assert found.databases["shop"].max_revision == reach


def test_flag_names_come_from_yaml_or_json(tmp_path: Path) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text("active: [a]\nretired: [b]\nrevision: 4\npublished_at: 2027-01-01T00:00:00Z\n")
    assert FlagFile(file).read() == Flags(
        active=("a",), retired=("b",), revision=4, published_at=1_798_761_600.0
    )
    file.write_text('{"active": ["a"], "retired": []}')
    assert FlagFile(file).read().active == ("a",)
    assert FlagFile(None).read() == Flags()


@pytest.mark.parametrize("text", ["active: 3", "- a", "a: [", ""])
def test_a_file_that_is_no_list_of_flags_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"flags\.yaml"):
        FlagFile(file).read()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        FlagFile(tmp_path / "none.yaml").read()
