"""How Prometheus is asked over HTTP: by POST, within a deadline, with credentials nobody prints.

What `prometheus-api-client` leaves open is closed here: it has no deadline unless told, retries
three times with pauses, puts a long query into the address even when it POSTs, and drops the
warnings that say an answer is only a part.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from davylamp.errors import BadInput, Unreachable

_CHUNK = 1 << 16
_QUERY_IS_WRONG = (400, 422)
_HARMLESS = "PromQL info"
"""Remarks on a query, which some versions send among the warnings."""


@dataclass(frozen=True)
class PrometheusAccess:
    """Where Prometheus is, and who we are to it. `token_file` is read anew for every query."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: str = ""
    ca_file: str = ""
    deadline_seconds: float = 3.0

    def __post_init__(self) -> None:
        scheme, found, rest = self.url.partition("://")
        if scheme not in ("http", "https") or not found or not rest.strip("/"):
            raise BadInput("Prometheus's address must be http(s)://host[:port][/prefix]")
        if "@" in rest.partition("/")[0]:  # requests would show it in its errors
            raise BadInput("Prometheus's address must not hold a password: use the settings for it")
        if self.ca_file and not Path(self.ca_file).is_file():
            raise BadInput(f"{self.ca_file}: no such file of certificates for Prometheus")

    def auth(self) -> AuthBase | None:
        if self.token or self.token_file:
            return _Bearer(self)
        return HTTPBasicAuth(self.user, self.password) if self.user else None


class _Bearer(AuthBase):
    def __init__(self, access: PrometheusAccess) -> None:
        self._access = access

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._access.token or self._read()}"
        return r

    def _read(self) -> str:
        file = self._access.token_file
        try:
            return Path(file).read_text().strip()
        except (OSError, ValueError) as error:
            raise BadInput(f"{file}: Prometheus's token can't be read ({error})") from error


class QuerySession(requests.Session):
    """One that gives up in time and hands on nothing but whole answers."""

    def __init__(self, access: PrometheusAccess) -> None:
        super().__init__()
        self._access = access
        self.trust_env = False  # a .netrc would replace the token; a proxy is not for this
        self.verify = access.ca_file or True

    def request(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, method: str, url: str, **kwargs: Any
    ) -> requests.Response:
        """As requests does it; raises `Unreachable`, or `BadInput` for a wrong query."""
        give_up_at = time.monotonic() + self._access.deadline_seconds
        form = kwargs.pop("params", None)
        kwargs |= {"data": form, "stream": True, "allow_redirects": False}
        kwargs["timeout"] = self._access.deadline_seconds
        answer = super().request(method, url, **kwargs)
        with answer:
            body = _whole_body(answer, give_up_at)
        answer.raw = io.BytesIO(body)
        _refuse_failure(answer.status_code, body)
        _refuse_part(body)
        return answer


def _whole_body(answer: requests.Response, give_up_at: float) -> bytes:
    """requests' own deadline is one for each read: a server that drips would never meet it."""
    body = bytearray()
    for chunk in answer.raw.stream(_CHUNK, decode_content=True):
        body += chunk
        if time.monotonic() > give_up_at:
            raise Unreachable("is too slow to read")
    return bytes(body)


def _refuse_failure(status: int, body: bytes) -> None:
    if status == 200:
        return
    said = _complaint_in(body)
    if status in _QUERY_IS_WRONG and said:
        raise BadInput(f"refuses the query: {said}")
    if status in (401, 403):
        raise Unreachable(f"answers {status}: it does not accept our credentials")
    if 300 <= status < 400:
        raise Unreachable(
            f"answers {status}: it sends us elsewhere; a log-in, or a missing prefix?"
        )
    raise Unreachable(f"answers {status}{': ' + said if said else ''}")


def _complaint_in(body: bytes) -> str:
    """What Prometheus says is wrong; nothing when it isn't Prometheus that speaks."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return f"{cast('dict[str, Any]', found).get('error', '')!s:.300}" if _is_object(found) else ""


def _refuse_part(body: bytes) -> None:
    """Warnings come with answers in which something is missing: no basis for a verdict."""
    if b'"warnings"' not in body:  # spares the large answers a second parsing
        return
    try:
        found = json.loads(body)
    except ValueError:
        return  # whoever parses it next complains
    warnings: Any = cast("dict[str, Any]", found).get("warnings") if _is_object(found) else None
    if serious := [w for w in map(str, warnings or ()) if not w.startswith(_HARMLESS)]:
        raise Unreachable(f"answers in part only: {serious[0]:.300}")


def _is_object(found: object) -> bool:
    return isinstance(found, dict)
