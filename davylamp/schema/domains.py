"""What one build writes and another can't read, as their contracts say it. Pure.

Only what both of them declare is compared: a contract that says nothing of a domain is no proof
that rows are fine. What stands in the rows, `contamination` looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from davylamp.builds.contract import Contract
from davylamp.builds.domains import JsonType, Shape


@dataclass(frozen=True)
class Unreadable:
    """One thing the writer may write that the reader can't read."""

    domain: str
    what: str

    def __str__(self) -> str:
        return f"it writes {self.domain} {self.what}"


def unreadable(writer: Contract, reader: Contract) -> list[Unreadable]:
    """Everything the one declares to write and the other declares not to read."""
    written, readable = writer.written(), reader.readable()
    return [
        Unreadable(domain, what)
        for domain, shape in sorted(written.items())
        if domain in readable
        for what in beyond(shape, readable[domain])
    ]


def beyond(written: Shape, readable: Shape) -> list[str]:
    """In what a written shape goes beyond a readable one, in words."""
    return [
        *_values(written, readable),
        *(["as NULL"] if written.nullable and readable.nullable is False else []),
        *_range(written, readable),
        *_keys(written, readable),
        *_types(written, readable),
    ]


def _values(written: Shape, readable: Shape) -> Iterator[str]:
    if written.values is None or readable.values is None:
        return
    for value in written.values:
        if value not in readable.values:
            yield f"= {value!r}"


def _range(written: Shape, readable: Shape) -> Iterator[str]:
    if not written.is_range:
        return
    low, high = written.minimum, written.maximum
    if readable.minimum is not None and (low is None or low < readable.minimum):
        yield f"below {readable.minimum}" + ("" if low is None else f" (down to {low})")
    if readable.maximum is not None and (high is None or high > readable.maximum):
        yield f"above {readable.maximum}" + ("" if high is None else f" (up to {high})")


def _keys(written: Shape, readable: Shape) -> Iterator[str]:
    if not written.is_json:
        return
    keys = written.json_keys or (*written.required_keys, *written.types)
    if readable.json_keys is not None:
        for key in dict.fromkeys(keys):
            if key not in readable.json_keys:
                yield f"with the key {key!r}"
    for key in readable.required_keys:
        if key not in written.required_keys:
            yield f"at times without the key {key!r}"


def _types(written: Shape, readable: Shape) -> Iterator[str]:
    for key, types in written.types.items():
        accepted = readable.types.get(key)
        if accepted is None:
            continue
        for one in types:
            whole = one is JsonType.INTEGER and JsonType.NUMBER in accepted
            if one not in accepted and not whole:
                yield f"with {key!r} as {one}"
