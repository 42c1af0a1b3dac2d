"""Nothing that comes from outside is ever taken for HTML."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from davylamp.report.html import Html, tag, together
from tests.report.reading import Page

_SURROGATES = {"exclude_categories": ("Cs", "Cc")}


@given(st.text(st.characters(**_SURROGATES)))
def test_any_text_comes_out_as_it_was(text: str) -> None:
    page = Page(tag("p", text))
    assert "".join(page.text) == text
    assert [name for name, _ in page.tags] == ["p"]


@given(st.text(st.characters(**_SURROGATES)))
def test_any_attribute_comes_out_as_it_was(text: str) -> None:
    assert Page(tag("p", "x", title=text)).all("p") == [{"title": text}]


@given(st.text(st.characters()))
def test_what_html_may_not_contain_is_replaced(text: str) -> None:
    found = tag("p", text, title=text)
    found.encode()
    assert not any(ord(c) < 32 and c not in "\t\n\r" for c in found)


def test_html_is_kept_and_everything_else_is_escaped() -> None:
    found = together(tag("b", "a<b"), " & ", None, 7, ["<i>", tag("i", "x")])
    assert found == "<b>a&lt;b</b> &amp; 7&lt;i&gt;<i>x</i>"
    assert isinstance(found, Html)


def test_attributes_are_named_as_in_html_and_left_out_when_none() -> None:
    assert tag("td", class_="n", aria_label="x", scope=None) == (
        '<td class="n" aria-label="x"></td>'
    )
