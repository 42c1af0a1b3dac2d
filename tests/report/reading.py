"""A page as a browser takes it: its tags, headings, pictures, tables and text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"img", "meta", "br", "hr"}


@dataclass
class Page(HTMLParser):
    """Raises `AssertionError` for a tag that isn't closed where it should be."""

    source: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def headings(self) -> list[int]:
        names = ("h1", "h2", "h3", "h4")
        return [int(tag[1]) for tag, _ in self.tags if tag in names]


def check(source: str) -> Page:
    """What holds for every page: nothing from elsewhere, nothing that runs, readable by ear."""
    page = Page(source)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:")
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert all(image.get("alt") for image in page.all("img"))
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert all(table.get("aria-label") for table in page.all("table"))
    return page
