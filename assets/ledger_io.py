"""Where the audit's assets keep their values: the ledger, the newest of each, compressed."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import io
import zlib
from typing import TYPE_CHECKING, Any

import dagster as dg

from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    import pandas as pd

    from davylamp.audit.inventory import Inventory

_INVENTORY, _FRAME = b"I", b"F"
"""First byte: what the rest is."""


class LedgerIO(dg.IOManager):
    """Takes an Inventory or a pandas frame; gives back what it took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        from davylamp.ledger.audits import write_value

        content = encode(obj)
        with self._engine.ledger() as ledger, ledger.begin() as db:
            write_value(db, context.asset_key.to_user_string(), content)

    def load_input(self, context: dg.InputContext) -> Any:
        from davylamp.ledger.audits import read_value

        name = context.asset_key.to_user_string()
        with self._engine.ledger() as ledger, ledger.begin() as db:
            content = read_value(db, name)
        if content is None:
            raise dg.Failure(f"{name} was never materialized: materialize it first, or run the job")
        return decode(content)


@dg.io_manager(required_resource_keys={"engine"})
def ledger_io(context: dg.InitResourceContext) -> LedgerIO:
    return LedgerIO(context.resources.engine)


def encode(value: "Inventory | pd.DataFrame") -> bytes:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        text = value.to_json(orient="table", index=False)
        return _FRAME + zlib.compress(text.encode(), 6)
    return _INVENTORY + zlib.compress(value.model_dump_json().encode(), 6)


def decode(content: bytes) -> "Inventory | pd.DataFrame":
    text = zlib.decompress(content[1:]).decode()
    if content[:1] == _FRAME:
        import pandas as pd

        return pd.read_json(io.StringIO(text), orient="table")
    from davylamp.audit.inventory import Inventory

    return Inventory.model_validate_json(text)
