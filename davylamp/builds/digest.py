"""Digests and image references: text in, checked values out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from davylamp.errors import BadInput

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LONGEST_REPOSITORY = 255


def digest_of(raw: bytes) -> str:
    """The digest of some bytes, `sha256:<64 hex>`."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def check_digest(text: str) -> str:
    """The digest itself, if it is one."""
    if not is_digest(text):
        raise BadInput(f"{text!r} is no digest: expected `sha256:` and 64 hexadecimal digits")
    return text


def hex_of(digest: str) -> str:
    """The 64 hexadecimal digits of a digest; safe as a file name."""
    return check_digest(digest).removeprefix("sha256:")


def check_repository(text: str) -> str:
    """The repository's name itself, if it is one. A checked name is safe as a relative path."""
    if len(text) > _LONGEST_REPOSITORY or not _REPOSITORY.fullmatch(text):
        raise BadInput(
            f"{text!r} is no repository name: expected lower case words joined by `/`, such as "
            "`shop/checkout`; the registry's address comes from the settings"
        )
    return text


def check_tag(text: str) -> str:
    """The tag itself, if it is one. A checked tag is safe within a path or an URL."""
    if not _TAG.fullmatch(text):
        raise BadInput(f"{text!r} is no tag: expected up to 128 letters, digits, `.`, `_` and `-`")
    return text


@dataclass(frozen=True)
class ImageReference:
    """A repository, and a tag or a digest or both within it. What isn't given is ''."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def parse_image(text: str, default_repository: str | None = None) -> ImageReference:
    """Read `1.2.0`, `shop/checkout:1.2.0`, `shop/checkout@sha256:…` or `shop/checkout:1.2.0@…`.

    A bare tag or digest needs `default_repository`. Raises `BadInput` for anything else.
    """
    name, at, digest = text.strip().partition("@")
    if is_digest(name) and not at:
        name, digest = "", name
    repository, colon, tag = name.rpartition(":")
    if not colon:
        bare_tag = default_repository is not None and "/" not in name
        repository, tag = ("", name) if bare_tag else (name, "")
    repository = repository or default_repository or ""
    if (at and not digest) or (colon and not tag) or not (tag or digest) or not repository:
        raise BadInput(
            f"{text!r} names no image: write `shop/checkout:1.2.0` or `shop/checkout@sha256:…`"
            + ("" if default_repository is None else ", or only the tag")
        )
    return ImageReference(
        repository=check_repository(repository),
        tag=check_tag(tag) if tag else "",
        digest=check_digest(digest) if digest else "",
    )
