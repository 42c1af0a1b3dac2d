"""What pages are put together from: the page itself, sections, tables, figures, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from davylamp.report.html import Child, Html, image, tag, together
from davylamp.report.style import STYLE

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""A page loads nothing and runs nothing, even if something slipped through."""
_GOOD, _BAD = ("promoted", "PROMOTE"), ("rolled_back", "unconfirmed", "critical", "ROLLBACK")


@dataclass(frozen=True)
class Figure:
    """One number with what it is; `note` says how far it can be trusted."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Picture:
    name: str
    alt: str
    png: bytes
    width: int
    """Pixels on the page."""


def whole_page(title: str, *body: Child) -> str:
    """One file; nothing else is loaded."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title),
        STYLE,
    )
    page = tag("html", head, tag("body", tag("main", *body)), lang="en")
    return f"<!doctype html>\n{page}\n"


def section(title: str, *body: Child) -> Html:
    name = "s-" + "".join(c if c.isalnum() else "-" for c in title.lower())
    return tag("section", tag("h2", title, id=name), *body, aria_labelledby=name)


def chip(state: str) -> Html:
    """A state in a word and a colour."""
    kind = "good" if state in _GOOD else "bad" if state in _BAD else "doubt"
    return tag("span", state.replace("_", " "), class_=f"chip {kind}")


def figures(found: Iterable[Figure]) -> Html:
    return tag(
        "dl",
        (
            tag(
                "div",
                tag("dt", one.name),
                tag("dd", one.value, tag("small", one.note) if one.note else None),
            )
            for one in found
        ),
        class_="figures",
    )


def facts(found: Mapping[str, Child]) -> Html:
    """What is known, a line each; what is empty is left out."""
    lines = (together(tag("dt", k), tag("dd", v)) for k, v in found.items() if v not in (None, ""))
    return tag("dl", lines, class_="facts")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Child]],
    *,
    caption: str,
    kinds: str = "",
) -> Html:
    """`kinds`: a letter a column: n number, t time, l long text, . anything else. The first
    column names its row."""
    named = {"n": "n", "t": "t", "l": "long"}
    classes = [named.get(kind) for kind in kinds.ljust(len(columns), ".")]
    head = (
        tag("th", name, scope="col", class_=c) for name, c in zip(columns, classes, strict=True)
    )
    body = (
        tag(
            "tr",
            (
                tag("td" if i else "th", cell, scope=None if i else "row", class_=c)
                for i, (cell, c) in enumerate(zip(row, classes, strict=True))
            ),
        )
        for row in rows
    )
    whole = tag("table", tag("thead", tag("tr", head)), tag("tbody", body), aria_label=caption)
    # not the table's own caption: where the table is scrolled, that would be too
    scrolled = tag("div", whole, class_="wide", tabindex="0", role="group", aria_label=caption)
    return together(tag("p", caption, class_="faint"), scrolled)


def pictures(found: Iterable[Picture]) -> Html:
    return tag(
        "div",
        (
            tag("figure", image(one.png, one.alt, one.width), tag("figcaption", one.name))
            for one in found
        ),
        class_="pictures",
    )


def listed(lines: Iterable[Child]) -> Html:
    return tag("ul", (tag("li", line) for line in lines))


def note(text: Child) -> Html:
    return tag("p", text, class_="faint")
