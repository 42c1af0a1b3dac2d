"""A folder of YAML files, one a service, into a Catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from davylamp.catalog.databases import described_differently
from davylamp.catalog.located import Located, merged, place_of
from davylamp.catalog.model import Catalog, Service
from davylamp.catalog.problem import Place, Problem, problem
from davylamp.catalog.read import read_file
from davylamp.catalog.validate import validate
from davylamp.errors import BadInput

DEFAULTS = "_defaults.yaml"


def load_catalog(folder: Path) -> Catalog:
    """Read a catalog. Raises `BadInput` that lists every problem there is."""
    entries, problems = _read(folder)
    if problems:
        listed = "\n".join(f"  {p}" for p in problems)
        raise BadInput(f"the catalog {folder} has {len(problems)} problem(s):\n{listed}")
    return Catalog(services={entry.service.name: entry.service for entry in entries})


def check_catalog(folder: Path) -> list[Problem]:
    """Everything that is wrong with a catalog, by file and line.

    Raises `BadInput` only when the folder isn't there.
    """
    return _read(folder)[1]


@dataclass(frozen=True)
class _Entry:
    service: Service
    located: Located


def _read(folder: Path) -> tuple[list[_Entry], list[Problem]]:
    files = _files(folder)
    problems = [
        problem(Place(f), "", f"is not read: name it {f.stem}.yaml")
        for f in files
        if f.suffix != ".yaml"
    ]
    services = [f for f in files if f.suffix == ".yaml" and f.name != DEFAULTS]
    if not services:
        message = "holds no service: add one YAML file a service, named after it"
        problems.append(problem(Place(folder), "", message))
    defaults, wrong = _defaults(folder / DEFAULTS)
    problems += wrong
    entries: list[_Entry] = []
    for file in services:
        entry, wrong = _service(file, defaults)
        problems += _not_yet_told(wrong, problems)
        entries += [entry] if entry else []
    problems += _shared(entries)
    problems += _shared_databases(entries)
    return entries, sorted(problems, key=lambda p: (str(p.file), p.line, p.column))


def _files(folder: Path) -> list[Path]:
    try:
        found = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        raise BadInput(
            f"catalog folder {folder}: {getattr(error, 'strerror', None) or error}; make it, with "
            f"one YAML file a service, or point DAVYLAMP_CATALOG (or --folder) at another"
        ) from error
    return [f for f in found if f.suffix in (".yaml", ".yml") and not f.name.startswith(".")]


def _defaults(file: Path) -> tuple[Located, list[Problem]]:
    nothing = Located({}, Place(file))
    if not file.exists() and not file.is_symlink():
        return nothing, []
    located, problems = read_file(file)
    if located is None:
        return nothing, problems
    if "name" in located.entries:
        at = place_of(located, ("name",))
        problems = [*problems, problem(at, "name", "a name belongs to one service only")]
    return Located({k: v for k, v in located.entries.items() if k != "name"}, located.at), problems


def _service(file: Path, defaults: Located) -> tuple[_Entry | None, list[Problem]]:
    located, problems = read_file(file)
    if located is None:
        return None, problems
    whole = merged(defaults, located)
    service, wrong = validate(whole)
    problems = [*problems, *_not_yet_told(wrong, problems)]
    name = located.entries.get("name")
    if name and isinstance(name.value, str) and name.value != file.stem:
        message = f"must be {file.stem!r} like the file, found {name.value!r:.60}"
        problems.append(problem(name.at, "name", message))
    return (_Entry(service, whole) if service and not problems else None), problems


def _not_yet_told(found: Sequence[Problem], told: Sequence[Problem]) -> list[Problem]:
    """One thing a field: what follows from a mistake, or is found again, is left out."""
    fields = {(p.file, p.field) for p in told if p.field}
    return [p for p in found if (p.file, p.field) not in fields]


def _shared(entries: Sequence[_Entry]) -> Iterator[Problem]:
    """Hosts and image repositories belong to one service each."""
    taken: dict[tuple[str, ...], str] = {}
    for entry in entries:
        name, image = entry.service.name, entry.service.image
        owned: list[tuple[tuple[str, ...], tuple[int | str, ...], str]] = [
            (("host", host.lower()), ("route", "hosts", number), f"route.hosts[{number}]")
            for number, host in enumerate(entry.service.route.hosts)
        ]
        owned.append(
            (
                ("image", image.registry, image.repository),
                ("image", "repository"),
                "image.repository",
            )
        )
        for what, path, field in owned:
            first = taken.setdefault(what, name)
            if first != name:
                at = place_of(entry.located, path)
                yield problem(at, field, f"{what[-1]!r} already belongs to the service {first!r}")


def _shared_databases(entries: Sequence[_Entry]) -> Iterator[Problem]:
    """Services that share a database agree on how it is changed, and one of them changes it."""
    first: dict[str, Service] = {}
    brings: dict[str, str] = {}
    for entry in entries:
        for name, database in entry.service.databases.items():
            field = f"databases.{name}"
            other = first.setdefault(name, entry.service)
            for part in described_differently(database, other.databases[name]):
                at = place_of(entry.located, ("databases", name, part))
                yield problem(
                    at,
                    f"{field}.{part}",
                    f"must be as {other.name!r} has it: one database is changed in one way",
                )
            owner = brings.setdefault(name, entry.service.name) if database.migrations else ""
            if owner and owner != entry.service.name:
                at = place_of(entry.located, ("databases", name, "migrations"))
                yield problem(
                    at,
                    f"{field}.migrations",
                    f"{owner!r} brings the migrations of this database: one service owns a history",
                )
