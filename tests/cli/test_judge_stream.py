"""`davylamp judge stream`: stream files in, one document a file out, and an exit code."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from davylamp.cli.main import make_app
from davylamp.errors import BadInput
from davylamp.judge.recording import Recording
from davylamp.judge.stream_file import read_stream, write_stream
from tests.judge.made import Made, recorded

ROOT = Path(__file__).parents[2]
SECONDS = 150
DOCUMENT = {"id", "outcome", "at_tick", "promotable_at_tick", "headline", "metrics", "missing"}
METRIC = {"name", "unit", "candidate", "baseline", "ratio", "lower", "upper", "e_value", "says"}


def text_of(recording: Recording) -> str:
    return "".join(f"{line}\n" for line in write_stream(recording))


def made(id: str, **faults: Any) -> str:
    usual = Made(rate=200, seconds=SECONDS)
    return text_of(recorded(Made(rate=200, seconds=SECONDS, **faults), usual, id=id))


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a healthy stream, a broken one (.gz, deeper down) and a thin one."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "deep").mkdir()
    (folder / "a-healthy.jsonl").write_text(made("healthy"))
    packed = gzip.compress(made("broken", error_share=0.2).encode())
    (folder / "deep" / "broken.jsonl.gz").write_bytes(packed)
    thin = Made(rate=1, seconds=40)
    (folder / "thin.ndjson").write_text(text_of(recorded(thin, thin, id="thin")))
    (folder / "index.json").write_text("{}")
    (folder / "README.md").write_text("not a stream")
    return folder


def run(*arguments: object, stdin: str | bytes = b"") -> Result:
    app = make_app("judge")
    return CliRunner().invoke(app, ["judge", "stream", *map(str, arguments)], input=stdin)


def documents(*arguments: object, stdin: str | bytes = b"") -> list[dict[str, Any]]:
    done = run(*arguments, "--json", stdin=stdin)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(*arguments: object, stdin: str | bytes = b"") -> str:
    done = run(*arguments, "--json", stdin=stdin)
    assert isinstance(done.exception, BadInput)
    assert done.exception.exit_code == 2
    assert done.stdout == ""
    return str(done.exception)


def test_a_healthy_stream_is_promoted_at_its_last_tick(streams: Path) -> None:
    done = run(streams / "a-healthy.jsonl", "--json")
    assert done.exit_code == 0
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(found) >= DOCUMENT
    assert (found["id"], found["outcome"]) == ("healthy", "PROMOTE")
    assert found["at_tick"] == SECONDS - 1
    assert 0 < found["promotable_at_tick"] < SECONDS
    assert "requests of the candidate" in found["headline"]


def test_a_broken_stream_is_rolled_back_as_soon_as_harm_is_shown(streams: Path) -> None:
    done = run(streams / "deep" / "broken.jsonl.gz", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["id"], found["outcome"]) == ("broken", "ROLLBACK")
    assert found["at_tick"] < 20
    assert found["promotable_at_tick"] is None
    first = found["metrics"][0]
    assert set(first) >= METRIC
    assert first["name"] == "error_rate"
    assert first["candidate"] == pytest.approx(20, abs=5)
    assert first["baseline"] == 0
    assert first["e_value"] > 100
    assert first["says"] in found["headline"]
    assert set(found["other_judges"]) == {"fail-ratio", "score"}


def test_too_little_is_for_a_human_and_says_what_is_missing(streams: Path) -> None:
    done = run(streams / "thin.ndjson", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["outcome"], found["at_tick"]) == ("MANUAL", 39)
    assert found["promotable_at_tick"] is None
    assert any("harmlessness is not shown yet" in line for line in found["missing"])


def test_evidence_to_promote_that_stood_once_is_told_of_a_stream_rolled_back_later() -> None:
    late = made("late", error_share=0.5, faults_from=120)
    (found,) = documents("-", stdin=late)
    assert found["outcome"] == "ROLLBACK"
    assert found["promotable_at_tick"] < 120 <= found["at_tick"] < 130


def test_a_folder_or_several_files_give_one_document_a_line_in_their_order(streams: Path) -> None:
    by_folder = documents(streams)
    assert [d["id"] for d in by_folder] == ["healthy", "broken", "thin"]
    files = [streams / "thin.ndjson", streams / "deep", streams / "a-healthy.jsonl"]
    by_files = documents(*files)
    assert [d["id"] for d in by_files] == ["thin", "broken", "healthy"]
    assert sorted(by_files, key=lambda d: d["id"]) == sorted(by_folder, key=lambda d: d["id"])


def test_each_file_of_many_is_judged_as_if_it_were_alone(streams: Path) -> None:
    together = {d["id"]: d for d in documents(streams)}
    for file in (streams / "a-healthy.jsonl", streams / "deep" / "broken.jsonl.gz"):
        (alone,) = documents(file)
        other = together[alone["id"]]
        for key in ("outcome", "at_tick", "promotable_at_tick", "headline", "missing"):
            assert alone[key] == other[key]


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_too(streams: Path, packed: bool) -> None:
    content = (streams / "a-healthy.jsonl").read_bytes()
    (found,) = documents("-", stdin=gzip.compress(content) if packed else content)
    assert (found,) == tuple(documents(streams / "a-healthy.jsonl"))


def test_exit_is_0_only_where_all_can_be_promoted(streams: Path) -> None:
    healthy = streams / "a-healthy.jsonl"
    assert run(healthy, healthy, "--json").exit_code == 0
    assert run(healthy, streams / "thin.ndjson", "--json").exit_code == 1


def test_the_fixed_window_judge_can_be_asked(streams: Path) -> None:
    found = {d["id"]: d for d in documents(streams, "--judge", "kayenta")}
    assert {d["judge"] for d in found.values()} == {"kayenta"}
    assert all(set(d) >= DOCUMENT for d in found.values())
    assert found["healthy"]["outcome"] == "PROMOTE"
    assert found["healthy"]["promotable_at_tick"] == SECONDS - 1
    assert found["broken"]["outcome"] == "ROLLBACK"
    assert found["broken"]["at_tick"] == SECONDS - 1
    assert found["thin"]["outcome"] == "MANUAL"


def test_a_ramp_lets_less_be_seen_at_first(streams: Path) -> None:
    broken = streams / "deep" / "broken.jsonl.gz"
    (plain,) = documents(broken)
    (slow,) = documents(broken, "--ramp", "0.01:60,0.1:30,1")
    assert slow["outcome"] == "ROLLBACK"
    assert slow["at_tick"] > plain["at_tick"]
    assert documents(broken, "--ramp", "none") == [plain]
    assert documents(broken, "--ramp", "0.01:60,0.1:30,1") == [slow]


def test_people_get_a_table_and_the_sentence(streams: Path) -> None:
    one = run(streams / "deep" / "broken.jsonl.gz")
    assert one.exit_code == 1
    for part in ("broken: ROLLBACK at tick", "requests failed on the candidate", "error_rate"):
        assert part in one.stdout
    many = run(streams)
    for part in ("healthy", "PROMOTE", "broken", "ROLLBACK", "thin", "MANUAL"):
        assert part in many.stdout


def test_markup_in_an_id_is_only_text() -> None:
    thin = Made(rate=1, seconds=5)
    done = run("-", stdin=text_of(recorded(thin, thin, id="[red]odd[/] [bold")))
    assert "[red]odd[/] [bold: MANUAL" in done.stdout


Spoil = Callable[[list[dict[str, Any]]], Any]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[3]["c"].update(n="ten"), "line 4, c.n: must be a number"),
        (lambda lines: lines[5].pop("t"), "line 6, t: must be a number"),
        (lambda lines: lines[0].pop("le_ms"), "line 1, le_ms: must be a list"),
        (lambda lines: lines[2]["b"].update(h={}), "line 3, b.h: must be a list of counts"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_file_line_and_field(
    streams: Path, tmp_path: Path, spoil: Spoil, said: str
) -> None:
    lines = [json.loads(line) for line in (streams / "thin.ndjson").read_text().splitlines()]
    spoil(lines)
    file = tmp_path / "wrong.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    message = refused(file)
    assert str(file) in message
    assert said in message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[1, 2]", b"\x1f\x8b", b"\x1f\x8b\x08" + b"\0" * 40, b"null"],
)
def test_what_is_no_stream_at_all_is_bad_input_that_names_the_file(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_bytes(content)
    assert str(file) in refused(file)
    assert "standard input" in refused("-", stdin=content)


def test_a_packed_file_that_was_cut_or_damaged_is_bad_input(streams: Path, tmp_path: Path) -> None:
    packed = (streams / "deep" / "broken.jsonl.gz").read_bytes()
    middle = len(packed) // 2
    for n, content in enumerate((packed[:middle], packed[:60] + b"\xff" * 60 + packed[120:])):
        file = tmp_path / f"{n}.jsonl.gz"
        file.write_bytes(content)
        assert str(file) in refused(file)


def test_a_file_or_folder_that_is_not_there_or_empty_is_bad_input(tmp_path: Path) -> None:
    assert "nowhere.jsonl" in refused(tmp_path / "nowhere.jsonl")
    assert "has no stream files" in refused(tmp_path)


@pytest.mark.parametrize("ramp", ["half", "2:10", "0.5:-1"])
def test_a_wrong_ramp_is_bad_input(streams: Path, ramp: str) -> None:
    assert "--ramp" in refused(streams / "thin.ndjson", "--ramp", ramp)


def test_an_unknown_judge_and_a_missing_file_are_refused() -> None:
    assert run().exit_code == 2
    assert run("x.jsonl", "--judge", "flagger").exit_code == 2


def test_the_command_itself_ends_with_2_and_says_why_on_standard_error(tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text('{"le_ms": [1, 2]}\n{"t": 0, "b": {"n": 1}, "c": {"n": "?"}}\n')
    command = [sys.executable, "-m", "davylamp.cli.main", "judge", "stream", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{file}: line 2, c.n: must be a number, found '?'" in done.stderr


DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks() -> list[str]:
    found = [re.findall(r"```\w*\n(.*?)```", file.read_text(), re.DOTALL) for file in DOCS]
    return [block for of_file in found for block in of_file]


def test_streams_in_the_docs_can_be_judged() -> None:
    shown = [block for block in blocks() if '"le_ms"' in block]
    if not shown:
        pytest.skip("no stream is shown in the docs")
    for block in shown:
        lines = [line for line in block.splitlines() if line.startswith("{")]
        assert len(read_stream(lines)) >= 1
        (document,) = documents("-", stdin="\n".join(lines))
        assert document["outcome"] in ("PROMOTE", "MANUAL", "ROLLBACK")


def test_commands_in_the_docs_have_only_options_that_exist() -> None:
    usage = run("--help").stdout
    text = "\n".join(file.read_text() for file in DOCS)
    for command in re.findall(r"davylamp judge stream[^`\n|]*", text):
        for option in re.findall(r"--[a-z-]+", command):
            assert option in usage, command
