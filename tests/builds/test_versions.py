import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.builds.versions import newest, ordered, same_version
from davylamp.errors import BadInput

RELEASES = r"^v?\d+\.\d+\.\d+$"


def test_versions_are_ordered_by_number_and_not_by_text() -> None:
    assert ordered(["1.10.0", "1.9.0", "v1.9.1", "0.1"]) == ["0.1", "1.9.0", "v1.9.1", "1.10.0"]


def test_the_order_is_that_of_semantic_versioning() -> None:
    # semver.org, §11.
    expected = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11"
    order = [*expected.split(), "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1"]
    assert ordered(reversed(order)) == order


def test_what_is_no_version_comes_before_every_version() -> None:
    assert ordered(["0.0.1", "latest", "main"]) == ["latest", "main", "0.0.1"]


def test_signatures_are_no_versions() -> None:
    assert ordered([f"sha256-{'0' * 64}.sig", "1.0.0", f"sha256-{'0' * 64}.att"]) == ["1.0.0"]


def test_the_newest_is_the_highest_that_matches() -> None:
    assert newest(["1.2.0", "1.10.0", "2.0.0-rc.1", "latest"], RELEASES) == "1.10.0"


def test_there_may_be_no_newest() -> None:
    assert newest(["latest"], RELEASES) is None
    assert newest([], RELEASES) is None


def test_a_wrong_pattern_is_bad_input() -> None:
    with pytest.raises(BadInput, match="regular expression"):
        newest(["1"], "(")


def test_the_same_version_may_be_written_in_several_ways() -> None:
    assert same_version("v1.2", "1.2.0")
    assert not same_version("1.2.0", "1.2.0-rc.1")
    assert not same_version("1.2.0", "1.20")


numbers = st.tuples(*[st.integers(0, 50)] * 3)


@given(st.lists(numbers, min_size=1, unique=True))
def test_the_newest_of_any_versions_has_the_largest_numbers(
    versions: list[tuple[int, ...]],
) -> None:
    tags = [".".join(map(str, version)) for version in versions]
    assert newest(tags, RELEASES) == ".".join(map(str, max(versions)))
