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
    answer = read_document(_Answer, raw, where, "see whether this is a registry")
    return answer.tags or [], next_link(link)


def next_link(header: str) -> str:
    """The target of a Link header with rel="next", or ''."""
    for link in header.split(","):
        target, _, rest = link.partition(";")
        if rest.replace('"', "").replace(" ", "") == "rel=next":
            return target.strip().strip("<>")
    return ""


def within(url: str, path: str, target: str) -> str:
    """A link the registry gave, as a full URL; only on the registry itself."""
    if not target or not _is_same_place(url, joined := _join(url + path, target)):
        raise Refused(
            f"registry {url} sends us to {target!r}, which is another address: correct its "
            "`http.host`"
        )
    return joined


def _join(base: str, target: str) -> str:
    try:
        return str(httpx.URL(urljoin(base, target)))
    except (ValueError, httpx.InvalidURL):
        return ""


def _is_same_place(url: str, found: str) -> bool:
    one, other = httpx.URL(url), httpx.URL(found)
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)
