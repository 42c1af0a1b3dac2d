"""Signatures: those of Standard Webhooks, and a receiver that believes no other."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from davylamp.audit.alerts.signature import sign, verify
from davylamp.errors import BadInput, Refused

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
"""Standard Webhooks' own example, and what its libraries make of it."""
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signature_is_what_the_standards_own_libraries_make_it() -> None:
    headers = sign(SECRET, MESSAGE, AT, BODY)
    assert headers == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(AT),
        "webhook-signature": SIGNATURE,
    }


def test_a_receiver_gets_the_id_of_what_it_may_believe() -> None:
    headers = sign(SECRET, MESSAGE, AT, BODY)
    assert verify(SECRET, headers, BODY, AT + 100) == MESSAGE
    assert verify(SECRET, {name.title(): v for name, v in headers.items()}, BODY, AT) == MESSAGE


def test_one_of_several_signatures_is_enough_while_secrets_change() -> None:
    headers = sign(SECRET, MESSAGE, AT, BODY)
    other = sign(SECRET.replace("M", "N", 1), MESSAGE, AT, BODY)["webhook-signature"]
    headers["webhook-signature"] = f"v1a,whatever {other} {SIGNATURE}"
    assert verify(SECRET, headers, BODY, AT) == MESSAGE


@pytest.mark.parametrize(
    ("change", "body", "now", "why"),
    [
        ({}, BODY + b" ", AT, "no signature fits"),
        ({"webhook-id": "another"}, BODY, AT, "no signature fits"),
        ({"webhook-timestamp": str(AT + 1)}, BODY, AT, "no signature fits"),
        ({"webhook-signature": "v1,äöü"}, BODY, AT, "no signature fits"),
        ({"webhook-signature": SIGNATURE.replace("v1", "v2")}, BODY, AT, "no signature fits"),
        ({}, BODY, AT + 301, "not within 300 s"),
        ({}, BODY, AT - 301, "not within 300 s"),
        ({"webhook-timestamp": "soon"}, BODY, AT, "not within"),
        ({"webhook-signature": ""}, BODY, AT, "missing"),
        ({"webhook-id": ""}, BODY, AT, "missing"),
    ],
)
def test_what_was_changed_or_is_old_is_refused(
    change: dict[str, str], body: bytes, now: float, why: str
) -> None:
    headers = sign(SECRET, MESSAGE, AT, BODY) | change
    with pytest.raises(Refused, match=why):
        verify(SECRET, headers, body, now)


def test_a_secret_that_is_none_is_said() -> None:
    with pytest.raises(BadInput, match="whsec_"):
        sign("whsec_no base64", MESSAGE, AT, BODY)


def test_the_receiver_that_the_documentation_shows_believes_us_and_nobody_else() -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shown: dict[str, Any] = {}
    exec(code, shown)
    headers = sign(SECRET, MESSAGE, int(time.time()), BODY)
    assert shown["verify"](SECRET, headers, BODY) == MESSAGE
    with pytest.raises(ValueError, match="not signed"):
        shown["verify"](SECRET, headers, BODY + b" ")
    with pytest.raises(ValueError, match="replay"):
        shown["verify"](SECRET, sign(SECRET, MESSAGE, AT, BODY), BODY)
