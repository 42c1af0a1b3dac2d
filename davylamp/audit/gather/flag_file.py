"""Flag names from a YAML or JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from davylamp.audit.inventory import Flags
from davylamp.audit.problems import problems_of, told
from davylamp.errors import BadInput

_ADVICE = "write a mapping with `active` and `retired`, lists of names"


class FlagFile:
    """Implements `FlagNames`. Without a file no flag is known, and none is audited."""

    def __init__(self, file: Path | None) -> None:
        self.file = file

    def read(self) -> Flags:
        if self.file is None:
            return Flags()
        where = f"flags file {self.file}"
        try:
            document: Any = yaml.safe_load(self.file.read_bytes())
            return Flags.model_validate(document)
        except ValidationError as error:
            raise BadInput(told(where, problems_of(error), _ADVICE)) from error
        except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
            why = " ".join(str(error).split())
            raise BadInput(f"{where}: cannot be read ({why}); {_ADVICE}") from error
