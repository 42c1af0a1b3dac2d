from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from davylamp.builds.keys import load_signing_key
from davylamp.builds.payload import make_payload
from davylamp.builds.protocol import Registry
from davylamp.builds.signature import (
    Pending,
    SignedBy,
    find_signature,
    generate_keys,
    load_trusted_keys,
    sign,
    signature_tag,
)
from davylamp.errors import BadInput, Refused

ANNOTATION = "dev.cosignproject.cosign/signature"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def attach(craft: Any, digest: str, payload: bytes, signature: str) -> None:
    """Put a signature of any kind beside an image."""
    layer = craft.describe(payload, PAYLOAD_TYPE)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": craft.describe(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [{**layer, "annotations": {ANNOTATION: signature}}],
    }
    craft.registry.push_manifest(
        craft.repository, signature_tag(digest), json.dumps(manifest).encode(), MANIFEST_TYPE
    )


def signed(key: Path, payload: bytes) -> str:
    return base64.b64encode(load_signing_key(key).sign(payload)).decode()


def test_a_signed_build_names_its_signer(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    assert sign(registry, repository, digest, keys.private) == keys.fingerprint
    found = find_signature(registry, repository, digest, keys.trusted)
    assert found == SignedBy(keys.fingerprint, "davylamp.pub")


def test_an_unsigned_build_is_pending_and_not_refused(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    found = find_signature(registry, repository, digest, keys.trusted)
    assert isinstance(found, Pending)
    assert digest in found.reason


def test_a_signature_by_an_untrusted_key_is_refused(
    registry: Registry, repository: str, craft: Any, keys: Any, strange_keys: Any
) -> None:
    digest = craft.sound()
    sign(registry, repository, digest, strange_keys.private)
    with pytest.raises(Refused, match=f"{digest} is wrongly signed: no trusted key") as caught:
        find_signature(registry, repository, digest, keys.trusted)
    assert "davylamp.pub" in str(caught.value)


def test_one_good_signature_beside_an_untrusted_one_is_enough(
    registry: Registry, repository: str, craft: Any, keys: Any, strange_keys: Any
) -> None:
    digest = craft.sound()
    sign(registry, repository, digest, strange_keys.private)
    sign(registry, repository, digest, keys.private)
    for trusted in (keys, strange_keys):
        found = find_signature(registry, repository, digest, trusted.trusted)
        assert isinstance(found, SignedBy)
        assert found.fingerprint == trusted.fingerprint


def test_signing_again_adds_nothing(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    sign(registry, repository, digest, keys.private)
    before = registry.resolve(repository, signature_tag(digest))
    sign(registry, repository, digest, keys.private)
    assert registry.resolve(repository, signature_tag(digest)) == before


def test_a_signature_for_another_digest_is_refused(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    signed_one, other = craft.sound("1.0.0"), craft.sound("1.1.0", run={"Env": ["A=b"]})
    sign(registry, repository, signed_one, keys.private)
    theirs = registry.manifest(repository, signature_tag(signed_one))
    registry.push_manifest(repository, signature_tag(other), theirs.raw, theirs.media_type)
    with pytest.raises(Refused, match=f"made for another digest, {signed_one}"):
        find_signature(registry, repository, other, keys.trusted)


def test_a_signature_for_another_repository_is_refused(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    payload = make_payload("shop/search", digest)
    attach(craft, digest, payload, signed(keys.private, payload))
    with pytest.raises(Refused, match="made for another repository, shop/search"):
        find_signature(registry, repository, digest, keys.trusted)


def test_a_repository_that_only_ends_alike_is_another_one(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    payload = make_payload(f"evil/{repository}", digest)
    attach(craft, digest, payload, signed(keys.private, payload))
    with pytest.raises(Refused, match=f"another repository, evil/{repository}"):
        find_signature(registry, repository, digest, keys.trusted)


def test_the_registrys_host_in_a_payload_does_not_matter(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    payload = make_payload(f"registry.example.com:5000/{repository}", digest)
    attach(craft, digest, payload, signed(keys.private, payload))
    assert isinstance(find_signature(registry, repository, digest, keys.trusted), SignedBy)


def test_a_payload_changed_after_signing_is_refused(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    signature = signed(keys.private, make_payload(repository, "sha256:" + "0" * 64))
    attach(craft, digest, make_payload(repository, digest), signature)
    with pytest.raises(Refused, match="no trusted key made its signature"):
        find_signature(registry, repository, digest, keys.trusted)


@pytest.mark.parametrize("signature", ["", "no base64!", "AAAA"])
def test_what_is_no_signature_at_all_is_refused(
    registry: Registry, repository: str, craft: Any, keys: Any, signature: str
) -> None:
    digest = craft.sound()
    attach(craft, digest, make_payload(repository, digest), signature)
    with pytest.raises(Refused, match="is wrongly signed"):
        find_signature(registry, repository, digest, keys.trusted)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"critical": {}}', b"\xff"])
def test_a_signed_payload_that_says_nothing_is_refused(
    registry: Registry, repository: str, craft: Any, keys: Any, payload: bytes
) -> None:
    digest = craft.sound()
    attach(craft, digest, payload, signed(keys.private, payload))
    with pytest.raises(Refused):
        find_signature(registry, repository, digest, keys.trusted)


def test_a_signature_whose_payload_was_damaged_is_refused(
    registry: Registry,
    repository: str,
    craft: Any,
    keys: Any,
    blob_file: Callable[[str], Path],
) -> None:
    digest = craft.sound()
    sign(registry, repository, digest, keys.private)
    signature = registry.manifest(repository, signature_tag(digest))
    blob_file(signature.document["layers"][0]["digest"]).write_bytes(b"{}")
    with pytest.raises(Refused):
        find_signature(registry, repository, digest, keys.trusted)


def test_without_a_trusted_key_nothing_is_signed(
    registry: Registry, repository: str, craft: Any, keys: Any
) -> None:
    digest = craft.sound()
    sign(registry, repository, digest, keys.private)
    with pytest.raises(Refused, match="no key is trusted"):
        find_signature(registry, repository, digest, ())


def test_a_private_key_is_for_its_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    private, public = generate_keys(tmp_path / "keys")
    assert (private.name, public.name) == ("davylamp.key", "davylamp.pub")
    assert private.stat().st_mode & 0o777 == 0o600
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(Refused, match="exists already"):
        generate_keys(tmp_path / "keys")
    assert (private.read_bytes(), public.read_bytes()) == before


def test_a_folder_that_is_not_there_trusts_nobody(tmp_path: Path) -> None:
    assert load_trusted_keys(tmp_path / "nowhere") == ()


def test_a_key_of_another_kind_is_bad_input_with_its_file(tmp_path: Path) -> None:
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    for key in (other_curve, ed25519.Ed25519PrivateKey.generate().public_key()):
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "other.pub").write_bytes(pem)
        with pytest.raises(BadInput, match=r"other\.pub: expected an ECDSA P-256 key"):
            load_trusted_keys(tmp_path)
    (tmp_path / "other.pub").write_text("no key")
    with pytest.raises(BadInput, match=r"other\.pub: no readable public key"):
        load_trusted_keys(tmp_path)


def test_a_missing_or_broken_private_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="davylamp build keygen"):
        load_signing_key(tmp_path / "no.key")
    (tmp_path / "no.key").write_text("nothing")
    with pytest.raises(BadInput, match="no readable private key"):
        load_signing_key(tmp_path / "no.key")
