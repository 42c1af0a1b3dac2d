"""What a registry asks for before it answers: basic credentials or a bearer token."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

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
    realm = urlsplit(challenge.realm)
    safe = realm.scheme == "https" or urlsplit(registry_url).scheme == realm.scheme == "http"
    if not realm.hostname or not safe:
        raise Refused(
            f"registry {registry_url} sends us to {challenge.realm!r} for a token; it must be an "
            "https address, so nothing was sent there: correct the registry's `auth.token.realm`"
        )
    return challenge.realm


def read_token(registry_url: str, raw: bytes) -> str:
    """The token in a token service's answer."""
    try:
        answer = json.loads(raw)
        found = answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError) as error:
        raise Refused(f"registry {registry_url}: its token service answers no JSON") from error
    if not isinstance(found, str):
        raise Refused(f"registry {registry_url}: its token service's answer holds no token")
    return found


def unauthorized(registry_url: str, what: str) -> Refused:
    """The error for a registry that goes on refusing us."""
    return Refused(
        f"registry {registry_url} does not let us {what}: set DAVYLAMP_REGISTRY_USER and "
        "DAVYLAMP_REGISTRY_PASSWORD to an account that may"
    )
