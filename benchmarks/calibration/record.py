"""`python -m benchmarks.calibration.record [NAME …]`: record real services into a folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.calibration.recorded_cases import SHIFTS
from benchmarks.calibration.recorder import SECONDS, Recorded, record_shift
from benchmarks.plane import ROOT
from davylamp.cli.judge_record import write_file
from davylamp.errors import DavylampError
from davylamp.judge.stream_file import write_stream

FOLDER = ROOT / "benchmarks" / "recordings"


def write(recorded: Sequence[Recorded], folder: Path) -> None:
    """Put the streams into the folder, and what is known of them into its index."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    known: dict[str, Any] = json.loads(index.read_text()) if index.exists() else {}
    for one in recorded:
        write_file(folder / f"{one.case.name}.jsonl.gz", write_stream(one.stream))
        known[one.case.name] = one.entry()
    listed = [f"  {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)]
    index.write_text("{\n" + ",\n".join(listed) + "\n}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    names = [case.name for shift in SHIFTS for case in shift]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration.record", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; by default all")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the streams")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in names]
    if unknown:
        parser.error(f"no such service: {', '.join(unknown)}; there are {', '.join(names)}")
    try:
        for shift in SHIFTS:
            cases = [c for c in shift if not given.names or c.name in given.names]
            if cases:
                write(record_shift(cases, given.seconds), given.out)
    except DavylampError as error:
        print(f"record: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
