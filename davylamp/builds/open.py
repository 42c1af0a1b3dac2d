"""From a registry's address to a registry."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from davylamp.builds.http_registry import HttpRegistry
from davylamp.builds.layout import LayoutRegistry
from davylamp.errors import BadInput


def open_registry(url: str) -> HttpRegistry | LayoutRegistry:
    """`http(s)://host[:port]`, or `oci-layout:///absolute/folder`."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return HttpRegistry(url)
    if is_layout(url):
        return LayoutRegistry(layout_folder(url))
    raise BadInput(
        f"{url!r} is no registry: expected `https://host[:port]` or `oci-layout:///absolute/folder`"
    )


def is_layout(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "oci-layout" and not parts.netloc and parts.path.startswith("/")


def layout_folder(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))
