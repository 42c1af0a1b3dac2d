"""Keys: ECDSA P-256, made here, trusted by lying in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from davylamp.builds.digest import digest_of
from davylamp.errors import BadInput, Refused

PRIVATE_KEY, PUBLIC_KEY = "davylamp.key", "davylamp.pub"
_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class TrustedKey:
    """A public key. `fingerprint` is the SHA-256 of its DER form, `sha256:<64 hex>`."""

    name: str
    fingerprint: str
    key: ec.EllipticCurvePublicKey

    def made(self, signature: bytes, payload: bytes) -> bool:
        """Whether this key's owner signed the payload."""
        try:
            self.key.verify(signature, payload, _ALGORITHM)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key, and its public half."""

    public: TrustedKey
    key: ec.EllipticCurvePrivateKey

    def sign(self, payload: bytes) -> bytes:
        return self.key.sign(payload, _ALGORITHM)


def generate_keys(folder: Path) -> tuple[Path, Path]:
    """Make a key pair: `davylamp.key` (readable by its owner only) and `davylamp.pub`."""
    private, public = folder / PRIVATE_KEY, folder / PUBLIC_KEY
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(
            f"{private} exists already and was left as it is: move it away to make a new one"
        ) from error
    with os.fdopen(handle, "wb") as opened:
        opened.write(pem)
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def load_trusted_keys(folder: Path) -> tuple[TrustedKey, ...]:
    """All `*.pub` and `*.pem` files of a folder; nothing when there is no such folder."""
    files = sorted([*folder.glob("*.pub"), *folder.glob("*.pem")])
    return tuple(_load_public(file) for file in files)


def load_signing_key(file: Path) -> SigningKey:
    """Read a private key in PEM form, without password."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise BadInput(
            f"{file} does not exist: make one with `davylamp build keygen`, or push unsigned "
            "with --no-sign"
        ) from error
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput(f"{file}: no readable private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput(f"{file}: expected an ECDSA P-256 key; `davylamp build keygen` makes one")
    return SigningKey(_trusted(file.name, key.public_key()), key)


def names_of(keys: Sequence[TrustedKey]) -> str:
    """The keys in words, for messages."""
    return ", ".join(f"{key.name} ({key.fingerprint[:19]}…)" for key in keys)


def _load_public(file: Path) -> TrustedKey:
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise BadInput(f"{file}: no readable public key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput(f"{file}: expected an ECDSA P-256 key; `davylamp build keygen` makes one")
    return _trusted(file.name, key)


def _trusted(name: str, key: ec.EllipticCurvePublicKey) -> TrustedKey:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return TrustedKey(name, digest_of(der), key)
