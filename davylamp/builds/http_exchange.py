"""One HTTP exchange with a registry: deadlines, bounded retries, authorization."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from davylamp.builds.http_auth import (
    Challenge,
    Credentials,
    check_realm,
    honours_proxies,
    parse_challenge,
    read_token,
    unauthorized,
)
from davylamp.builds.oci import LARGEST_DOCUMENT
from davylamp.errors import Refused, Unreachable

RETRIED = frozenset({429, 502, 503, 504})
Body = Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Deadlines:
    """Seconds, and how often. `call` is for one answer's whole body, `blob` for a blob's."""

    connect: float = 3.0
    read: float = 10.0
    call: float = 30.0
    blob: float = 300.0
    attempts: int = 4
    first_pause: float = 0.1
    longest_pause: float = 2.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes


class Exchange:
    """Asks one registry. Safe to share between threads."""

    def __init__(self, url: str, credentials: Credentials, deadlines: Deadlines) -> None:
        self.url = url.rstrip("/")
        self.deadlines = deadlines
        self._credentials = credentials
        self._authorization: dict[str, str] = {}
        timeout = httpx.Timeout(deadlines.read, connect=deadlines.connect)
        self._client = httpx.Client(
            timeout=timeout, follow_redirects=True, trust_env=honours_proxies(self.url)
        )

    def close(self) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Answer:
        """A whole answer, of `LARGEST_DOCUMENT` bytes at most."""
        ends = time.monotonic() + self.deadlines.call
        with self.stream(method, path, headers, body) as response:
            raw = self._read(response, path, ends)
            return Answer(response.status_code, response.headers, raw)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Generator[httpx.Response]:
        """An answer whose body is yet to be read; failures while reading are `Unreachable`."""
        response = self._send_authorized(method, path, dict(headers or {}), body)
        try:
            yield response
        except httpx.HTTPError as error:
            raise self._unreachable(path, str(error) or type(error).__name__) from error
        finally:
            response.close()

    def _read(self, response: httpx.Response, path: str, ends: float) -> bytes:
        found = bytearray()
        for chunk in response.iter_bytes():
            found += chunk
            if len(found) > LARGEST_DOCUMENT:
                raise Refused(f"{self.url}: {path}: an answer of over {LARGEST_DOCUMENT} bytes")
            if time.monotonic() > ends:
                raise self._unreachable(path, "the answer did not end in time")
        return bytes(found)

    def _send_authorized(
        self, method: str, path: str, headers: dict[str, str], body: Body | None
    ) -> httpx.Response:
        # Tokens are for one repository and one kind of access.
        key = f"{'pull' if method in ('GET', 'HEAD') else 'push'} {_repository_of(path)}"
        known = self._authorization.get(key)
        response = self._send(method, path, _with(headers, known), body)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return response
        response.close()
        challenge = parse_challenge(response.headers.get("www-authenticate", ""))
        self._authorization[key] = self._authorize(challenge, f"{method} {path}")
        response = self._send(method, path, _with(headers, self._authorization[key]), body)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response.close()
            raise unauthorized(self.url, f"{method} {path}")
        return response

    def _authorize(self, challenge: Challenge, what: str) -> str:
        if challenge.scheme == "basic" and self._credentials.header:
            return self._credentials.header
        if challenge.scheme != "bearer":
            raise unauthorized(self.url, what)
        realm = httpx.URL(check_realm(self.url, challenge)).copy_merge_params(
            challenge.token_query()
        )
        response = self._send("GET", str(realm), _with({}, self._credentials.header), None)
        try:
            if response.status_code != HTTPStatus.OK:
                raise unauthorized(self.url, what)
            ends = time.monotonic() + self.deadlines.call
            return "Bearer " + read_token(self.url, self._read(response, str(realm), ends))
        except httpx.HTTPError as error:
            raise self._unreachable(str(realm), str(error)) from error
        finally:
            response.close()

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: Body | None
    ) -> httpx.Response:
        url = path if path.startswith("http") else self.url + path
        said = ""
        for attempt in range(self.deadlines.attempts):
            try:
                request = self._client.build_request(
                    method, url, headers=headers, content=body() if body else None
                )
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                said, after = str(error) or type(error).__name__, ""
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._unreachable(path, str(error)) from error
            else:
                if response.status_code not in RETRIED:
                    return response
                said, after = f"status {response.status_code}", _retry_after(response)
                response.close()
            if attempt + 1 < self.deadlines.attempts:
                time.sleep(self._pause(attempt, after))
        raise self._unreachable(path, said)

    def _pause(self, attempt: int, after: str) -> float:
        wished = float(after) if after.isdigit() else self.deadlines.first_pause * 2**attempt
        return min(wished, self.deadlines.longest_pause)

    def _unreachable(self, path: str, said: str) -> Unreachable:
        return Unreachable(
            f"registry {self.url} does not answer {path.removeprefix(self.url)} ({said}): "
            "see whether it runs (`davylamp status`) and whether DAVYLAMP_REGISTRY_URL is right"
        )


def _retry_after(response: httpx.Response) -> str:
    return str(response.headers.get("retry-after", ""))


def _with(headers: dict[str, str], authorization: str | None) -> dict[str, str]:
    return {**headers, "Authorization": authorization} if authorization else headers


def _repository_of(path: str) -> str:
    for mark in ("/manifests/", "/blobs/", "/tags/"):
        path = path.partition(mark)[0]
    return path
