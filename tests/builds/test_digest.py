import pytest

from davylamp.builds.digest import ImageReference, check_digest, parse_image
from davylamp.errors import BadInput

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("1.2.0", "shop/checkout", ImageReference("shop/checkout", "1.2.0")),
        ("shop/checkout:1.2.0", None, ImageReference("shop/checkout", "1.2.0")),
        ("shop/checkout:1.2.0", "other/name", ImageReference("shop/checkout", "1.2.0")),
        (f"shop/checkout@{DIGEST}", None, ImageReference("shop/checkout", "", DIGEST)),
        (f"shop/checkout:1@{DIGEST}", None, ImageReference("shop/checkout", "1", DIGEST)),
        (DIGEST, "shop/checkout", ImageReference("shop/checkout", "", DIGEST)),
        (f"@{DIGEST}", "shop/checkout", ImageReference("shop/checkout", "", DIGEST)),
        (f"1.2.0@{DIGEST}", "shop/checkout", ImageReference("shop/checkout", "1.2.0", DIGEST)),
        ("checkout:v1", None, ImageReference("checkout", "v1")),
    ],
)
def test_images_are_named_by_tag_or_digest(
    text: str, default: str | None, expected: ImageReference
) -> None:
    assert parse_image(text, default) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.0",
        "shop/checkout",
        "shop/checkout:",
        ":1.2.0",
        "shop/checkout@",
        "shop/checkout@sha256:12",
        f"shop/checkout@{DIGEST.upper()}",
        "Shop/Checkout:1",
        "../../etc:1",
        "/abs/path:1",
        "shop/../checkout:1",
        "shop/checkout:../1",
        "registry.example.com:5000/shop/checkout:1",
        "shop/checkout:1:2",
        f"shop/checkout:{'x' * 129}",
        DIGEST,
    ],
)
def test_what_names_no_image_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        parse_image(text)


def test_a_reference_reads_as_it_is_written() -> None:
    for text in ("a/b:1", f"a/b@{DIGEST}", f"a/b:1@{DIGEST}"):
        assert str(parse_image(text)) == text


@pytest.mark.parametrize(
    "text", ["", "sha256:", DIGEST[:-1], DIGEST + "0", "md5:00", DIGEST + "\n"]
)
def test_a_wrong_digest_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="is no digest"):
        check_digest(text)
