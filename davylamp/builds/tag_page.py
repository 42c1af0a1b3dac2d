"""One answer to "which tags are there": what it holds, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

import httpx
from pydantic import BaseModel

from davylamp.builds.oci import read_document
from davylamp.errors import Refused

MOST_PAGES = 10_000


@dataclass(frozen=True)
class TagPage:
    """A repository's tags, sorted, and the ETag under which they were given ('' without)."""

    tags: tuple[str, ...]
    etag: str = ""


class _Answer(BaseModel):
    tags: list[str] | None = None


def read_tag_page(raw: bytes, link: str, where: str) -> tuple[list[str], str]:
    """The tags of one page, and the link to the next one ('' on the last)."""
    return read_document(_Answer, raw, where).tags or [], next_link(link)


def next_link(header: str) -> str:
    """The target of a Link header with rel="next", or ''."""
    for link in header.split(","):
        target, _, rest = link.partition(";")
        if rest.replace('"', "").replace(" ", "") == "rel=next":
            return target.strip().strip("<>")
    return ""


def within(url: str, path: str, target: str) -> str:
    """A link the registry gave, as a full URL; only on the registry itself."""
    found, home = httpx.URL(urljoin(url + path, target)), httpx.URL(url)
    if not target or (found.scheme, found.host, found.port) != (home.scheme, home.host, home.port):
        raise Refused(
            f"registry {url} sends us to {target!r}, which is another address: correct its "
            "`http.host`"
        )
    return str(found)
