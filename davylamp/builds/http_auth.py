"""What a registry asks for before it answers: basic credentials or a bearer token."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel

from davylamp.builds.oci import read_document
from davylamp.errors import Refused

_PARAMETER = re.compile(r'(\w+)="([^"]*)"|(\w+)=([^\s,]+)')


@dataclass(frozen=True)
class Credentials:
    """Who we are at the registry; both empty means: nobody in particular."""

    user: str = ""
    password: str = ""

    @classmethod
    def from_environment(cls) -> Credentials:
        """`DAVYLAMP_REGISTRY_USER` and `DAVYLAMP_REGISTRY_PASSWORD`."""
        return cls(
            os.environ.get("DAVYLAMP_REGISTRY_USER", ""),
            os.environ.get("DAVYLAMP_REGISTRY_PASSWORD", ""),
        )

    @property
    def header(self) -> str:
        """Value of an Authorization header, '' without credentials."""
        if not self.user:
            return ""
        pair = f"{self.user}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


@dataclass(frozen=True)
class Challenge:
    """A `WWW-Authenticate` header. `scheme` is lower case."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""

    def token_query(self) -> dict[str, str]:
        """Parameters of the request for a token."""
        asked = {"service": self.service, "scope": self.scope}
        return {name: value for name, value in asked.items() if value}


class _Token(BaseModel):
    token: str = ""
    access_token: str = ""


def parse_challenge(header: str) -> Challenge:
    """Read a `WWW-Authenticate` header; what is missing from it is ''."""
    scheme, _, rest = header.strip().partition(" ")
    pairs = {a or c: b or d for a, b, c, d in _PARAMETER.findall(rest)}
    return Challenge(
        scheme=scheme.lower(),
        realm=pairs.get("realm", ""),
        service=pairs.get("service", ""),
        scope=pairs.get("scope", ""),
    )


def check_realm(registry_url: str, challenge: Challenge) -> str:
    """The token service's URL, if credentials may go there."""
    if not _is_safe(registry_url, challenge.realm):
        raise Refused(
            f"registry {registry_url} sends us to {challenge.realm!r} for a token; it must be an "
            "https address, so nothing was sent there: correct the registry's `auth.token.realm`"
        )
    return challenge.realm


def _is_safe(registry_url: str, realm: str) -> bool:
    try:
        found = urlsplit(realm)
        _ = found.port
    except ValueError:
        return False
    plain = urlsplit(registry_url).scheme == found.scheme == "http"
    return bool(found.hostname) and (plain or found.scheme == "https")


def honours_proxies(url: str) -> bool:
    """Whether the environment's proxies are for this address: never for this machine's own."""
    host = urlsplit(url).hostname or ""
    return host not in ("localhost", "::1") and not host.startswith("127.")


def read_token(registry_url: str, raw: bytes) -> str:
    """The token in a token service's answer."""
    where = f"registry {registry_url}, its token service's answer"
    answer = read_document(_Token, raw, where, "correct the registry's `auth.token`")
    found = answer.token or answer.access_token
    if not found.isascii() or not found.isprintable() or not found:
        raise Refused(f"{where} holds no usable token: correct the registry's `auth.token`")
    return found


def unauthorized(registry_url: str, what: str) -> Refused:
    """The error for a registry that goes on refusing us."""
    return Refused(
        f"registry {registry_url} does not let us {what}: set DAVYLAMP_REGISTRY_USER and "
        "DAVYLAMP_REGISTRY_PASSWORD to an account that may"
    )
