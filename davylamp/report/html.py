"""HTML in which nothing can be forgotten: what isn't marked as HTML is escaped."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable

_VOID = ("img", "meta", "br", "hr")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no HTML may contain, as itself or as a reference."""


class Html(str):
    """Text that is HTML already. Only this module makes it, and `STYLE` of `style`."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: str | int | None) -> Html:
    """One element. Children that are not `Html` are escaped; None is left out.

    An underscore at an attribute's end is cut off, others become hyphens: `class_`, `aria_label`.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{together(*children)}</{name}>")


def together(*children: Child) -> Html:
    """Children one after the other."""
    return Html("".join(map(_text, children)))


def image(png: bytes, alt: str, width: int) -> Html:
    """A picture inside the page; `width` in pixels it is drawn for."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return tag("img", src=source, alt=alt, style=f"width:{width}px")


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int):
        return _escape(str(child))
    return together(*child)


def _escape(text: str) -> str:
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)
