"""The contract: what a build reads and writes, carried by the image itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from davylamp.builds.domains import ColumnName, Domain, Shape

CONTRACT_LABEL = "dev.davylamp.contract"
"""Label of the image's configuration that holds the contract as JSON."""


class DatabaseContract(BaseModel):
    """What a build needs of one database. One that names no column may need any of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    oldest_revision: str = ""
    """It doesn't work before this one."""
    newest_revision: str = ""
    """It is known to work up to here, after a contract revision too. Expand and migrate
    revisions that come later never break a build."""
    reads: tuple[ColumnName, ...] = ()
    """`table.column` names."""
    writes: tuple[ColumnName, ...] = ()
    changed_at: dict[str, str] = Field(default_factory=dict[str, str])
    """Table → the column that holds when a row was last written, by the database's clock."""


class Contract(BaseModel):
    """What a build promises and needs. An empty contract is a contract; a missing one is not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(default=1, ge=1, le=1)
    flags: tuple[str, ...] = ()
    """Names of the flags it reads."""
    databases: dict[str, DatabaseContract] = Field(default_factory=dict[str, DatabaseContract])
    api_versions: tuple[str, ...] = ()
    domains: dict[ColumnName, Domain] = Field(default_factory=dict[ColumnName, Domain])
    """Column → what it writes there, and what it can read."""
    writes_values: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Short for a domain of values: `orders.status` → values it may write."""
    reads_values: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Values it can read. A domain that isn't named is read whatever it holds."""

    @model_validator(mode="after")
    def _says_each_domain_once(self) -> Contract:
        for name, domain in self.domains.items():
            if domain.writes and name in self.writes_values:
                raise ValueError(f"{name} is in writes_values and in domains: say it once")
            if domain.reads and name in self.reads_values:
                raise ValueError(f"{name} is in reads_values and in domains: say it once")
            if domain.database and domain.database not in self.databases:
                raise ValueError(f"{name}: databases doesn't have {domain.database!r}")
        return self

    def written(self) -> dict[str, Shape]:
        """Every column of which it says what it writes."""
        short = {name: Shape(values=values) for name, values in self.writes_values.items()}
        return short | {name: d.writes for name, d in self.domains.items() if d.writes}

    def readable(self) -> dict[str, Shape]:
        """Every column of which it says what it can read."""
        short = {name: Shape(values=values) for name, values in self.reads_values.items()}
        return short | {name: d.reads for name, d in self.domains.items() if d.reads}

    def is_in(self, domain: str, database: str) -> bool:
        """Whether a domain may be one of a database: it says so, or says of no other."""
        named = self.domains[domain].database if domain in self.domains else ""
        return named == database if named else (not self.databases or database in self.databases)
