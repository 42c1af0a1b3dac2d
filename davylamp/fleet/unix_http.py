"""HTTP over a Unix socket: how the embedded plane's supervisor is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError

from davylamp.errors import BadInput, DavylampError, Refused, Unreachable


class Problem(BaseModel):
    """What the supervisor answers when it won't: its message, and the exit code it stands for."""

    error: str
    exit_code: int = 1


_KINDS: dict[int, type[DavylampError]] = {1: Refused, 2: BadInput, 3: Unreachable}


@dataclass(frozen=True)
class UnixHttp:
    """One connection a call: nothing is shared between threads, or with a forked child."""

    socket: Path

    def call(self, method: str, path: str, body: bytes = b"", *, seconds: float) -> bytes:
        """Raises `Unreachable` when nothing answers within `seconds`, else what was answered."""
        try:
            answer = self._send(method, path, body, seconds)
        except httpx.TimeoutException as error:
            raise Unreachable(
                f"the embedded plane at {self.socket} did not answer {method} {path} within "
                f"{seconds:g} s: look at `davylamp status` and its log, log/supervisor.log"
            ) from error
        except httpx.TransportError as error:
            raise Unreachable(
                f"the embedded plane at {self.socket} is not there ({error}): is it up? "
                "`davylamp up` starts it"
            ) from error
        if answer.is_success:
            return answer.content
        raise _problem(answer)

    def _send(self, method: str, path: str, body: bytes, seconds: float) -> httpx.Response:
        transport = httpx.HTTPTransport(uds=str(self.socket), verify=False)
        with httpx.Client(transport=transport, trust_env=False, timeout=seconds) as client:
            return client.request(method, f"http://plane{path}", content=body)


def _problem(answer: httpx.Response) -> DavylampError:
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        return Refused(f"the embedded plane answered {answer.status_code}: {answer.text[:300]}")
    return _KINDS.get(problem.exit_code, Refused)(problem.error)
