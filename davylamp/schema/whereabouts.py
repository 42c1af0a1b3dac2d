"""Where a service's database is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from davylamp.catalog.databases import Database
from davylamp.errors import BadInput, Unreachable
from davylamp.settings import Settings, read_addresses


def url_of(
    settings: Settings, name: str, entry: Database, environment: Mapping[str, str] | None = None
) -> str:
    """The libpq URL of a database.

    Raises `BadInput` when its variable isn't set, `Unreachable` when it would be the embedded
    plane's and there is none.
    """
    if entry.url_from:
        found = (os.environ if environment is None else environment).get(entry.url_from, "")
        if not found:
            raise BadInput(
                f"database {name}: its catalog entry takes the URL from {entry.url_from}, which "
                "isn't set where this runs: set it to postgresql://user:password@host/database"
            )
        return plain_url(found)
    beside = embedded_url(settings, name)
    if not beside:
        raise Unreachable(
            f"database {name} has no `url_from` in the catalog, so it is the embedded plane's, and "
            "none is up here: start it with `davylamp up`, or name the variable with its URL"
        )
    return beside


def embedded_url(settings: Settings, name: str, role: str = "") -> str:
    """The database of that name beside the embedded plane's ledger, as `role` or as its owner;
    empty when the ledger is somewhere else, or not up."""
    if settings.ledger_url:
        return ""
    ledger = read_addresses(settings.addresses_file).ledger_url
    if not ledger:
        return ""
    parts = urlsplit(plain_url(ledger))
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(role)}@{host}" if role else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{quote(name)}"))


def plain_url(url: str) -> str:
    """As libpq knows it, without SQLAlchemy's driver."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{mark}{rest}" if mark else url
