"""What things of the simulated fleet are called."""

from __future__ import annotations

import hashlib

VERSIONS = {"old": "1.0.0", "stable": "1.1.0", "next": "1.2.0", "bad": "1.1.1"}
"""Builds of every service, by the part they play in the fleet's story."""


def service_name(number: int) -> str:
    return f"svc-{number:04d}"


def database_name(service: str) -> str:
    return f"{service.replace('-', '_')}_db"


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def build_digest(service: str, part: str) -> str:
    """`part` is one of `VERSIONS`."""
    return digest_of(f"{service} {part}")


def address_of(number: int, port: int) -> str:
    """A loopback address of a copy's own: 127.1.0.0 and up, all on one port."""
    return f"127.{1 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}:{port}"
