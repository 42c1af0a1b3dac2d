"""A picture as metadata: inside the text, so that it is there wherever the text is."""

from __future__ import annotations

import base64

import dagster as dg


def picture(name: str, png: bytes, alt: str = "") -> dict[str, dg.MarkdownMetadataValue]:
    """Nothing for an empty one. Its name is what is said of it, unless `alt` says more."""
    if not png:
        return {}
    text = base64.b64encode(png).decode()
    return {name: dg.MetadataValue.md(f"![{alt or name}](data:image/png;base64,{text})")}
