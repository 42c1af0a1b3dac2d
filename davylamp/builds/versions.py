"""Ordering tags by version (semantic versioning 2.0.0, §11; any number of numbers)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from davylamp.errors import BadInput

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")

VersionKey = tuple[int, tuple[int, ...], int, tuple[tuple[int, int, str], ...], str]


def is_signature_tag(tag: str) -> bool:
    """Whether a tag holds a signature or attestation rather than an image."""
    return tag.startswith("sha256-")


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def version_key(tag: str) -> VersionKey:
    """What to sort by. What is no version comes before every version, by its text."""
    found = _VERSION.fullmatch(tag)
    if not found:
        return (0, (), 0, (), tag)
    numbers = tuple(int(part) for part in found[1].split("."))
    while numbers and numbers[-1] == 0:
        numbers = numbers[:-1]
    early = tuple(_early(part) for part in found[2].split(".")) if found[2] else ()
    return (1, numbers, 0 if early else 1, early, tag)


def same_version(one: str, other: str) -> bool:
    """Whether two texts name the same version: `v1.2` and `1.2.0` do."""
    return version_key(one)[:4] == version_key(other)[:4] if is_version(one) else one == other


def ordered(tags: Iterable[str]) -> list[str]:
    """The tags of images, oldest version first; signatures left out."""
    return sorted((tag for tag in tags if not is_signature_tag(tag)), key=version_key)


def newest(tags: Iterable[str], pattern: str) -> str | None:
    """The newest of the tags that match the regular expression, if any does."""
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise BadInput(f"{pattern!r} is no regular expression: {error}") from error
    found = [tag for tag in ordered(tags) if wanted.search(tag)]
    return found[-1] if found else None


def _early(part: str) -> tuple[int, int, str]:
    # Numbers come before words.
    return (0, int(part), "") if part.isdigit() else (1, 0, part)
