"""Signatures of notices, as Standard Webhooks has them (standardwebhooks.com, version 1.0.0):
HMAC-SHA256 over `id.timestamp.body`, with the secret behind `whsec_`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from davylamp.errors import BadInput, Refused

_PREFIX = "whsec_"
_SCHEME = "v1"


def sign(secret: str, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a notice sent at `timestamp` (Unix seconds)."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"{_SCHEME},{_digest(_key(secret), message, str(timestamp), body)}",
    }


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    tolerance_seconds: float = 300.0,
) -> str:
    """Check a notice that was received, with the body byte for byte; `now` in Unix seconds.

    Returns its id: a notice that is repeated has the same, and is to be ignored. Raises `Refused`
    for one that wasn't signed with this secret, or is older or newer than the tolerance.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message, sent = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    signatures = found.get("webhook-signature", "").split()
    if not (message and sent and signatures):
        raise Refused("a header webhook-id, webhook-timestamp or webhook-signature is missing")
    if not (sent.isascii() and sent.isdigit()) or abs(now - int(sent)) > tolerance_seconds:
        raise Refused(f"webhook-timestamp {sent[:40]} is not within {tolerance_seconds:g} s of now")
    wanted = f"{_SCHEME},{_digest(_key(secret), message, sent, body)}".encode()
    if not any(hmac.compare_digest(wanted, one.encode()) for one in signatures):
        raise Refused("no signature fits: another secret, or not the body that was sent")
    return message


def _digest(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    signed = f"{message}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise BadInput("the webhook's secret is not `whsec_` and base64 behind it") from error
