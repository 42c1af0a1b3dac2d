"""The contract: what a build reads and writes, carried by the image itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

CONTRACT_LABEL = "dev.davylamp.contract"
"""Label of the image's configuration that holds the contract as JSON."""


class DatabaseContract(BaseModel):
    """What a build needs of one database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    oldest_revision: str = ""
    newest_revision: str = ""
    reads: tuple[str, ...] = ()
    """`table.column` names."""
    writes: tuple[str, ...] = ()


class Contract(BaseModel):
    """What a build promises and needs. An empty contract is a contract; a missing one is not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(1, ge=1, le=1)
    flags: tuple[str, ...] = ()
    """Names of the flags it reads."""
    databases: dict[str, DatabaseContract] = Field(default_factory=dict[str, DatabaseContract])
    api_versions: tuple[str, ...] = ()
    writes_values: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Value domain → values it may write (`orders.status` → …)."""
    reads_values: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Value domain → values it can read. A domain that isn't named is read whatever it holds."""
