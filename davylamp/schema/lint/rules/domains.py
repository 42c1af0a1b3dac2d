"""ALTER DOMAIN, ALTER SEQUENCE."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from pglast.ast import AlterDomainStmt, AlterSeqStmt, Constraint, DefElem

from davylamp.schema.lint.advice import lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.tree import sql_of
from davylamp.schema.lint.verdict import Verdict, contract, expand, refuse
from davylamp.schema.names import Name, made_up, name_of, quoted

_SCANS = (
    "every row of every table with a column of this domain is checked, under locks that stop writes"
)


def judge_domain(part: Part, context: Context) -> Iterator[Verdict]:
    node: AlterDomainStmt = part.node
    if node.subtype in ("T", "N"):
        yield expand("alter-domain")
    elif node.subtype == "V":
        yield refuse("validate-domain", _SCANS, _by_table(name_of(node.typeName or ())))
    elif node.subtype == "X":
        yield contract(
            "drop-constraint", "builds may rely on it; it needs the proof that none does"
        )
    elif isinstance(node.def_, Constraint) and node.def_.skip_validation:
        yield expand("alter-domain")
    else:
        yield refuse("alter-domain", _SCANS, _in_two_steps(node))


def judge_sequence(part: Part, context: Context) -> Iterator[Verdict]:
    node: AlterSeqStmt = part.node
    options = [one.defname for one in node.options or () if isinstance(one, DefElem)]
    if options == ["owned_by"]:
        yield expand("alter-sequence")
        return
    yield refuse(
        "alter-sequence",
        "live builds draw numbers from it, and would draw others from that moment on",
        said("make a new sequence, and let builds move to it by a new default"),
    )


def _in_two_steps(node: AlterDomainStmt) -> str:
    domain = name_of(node.typeName or ())
    if not isinstance(node.def_, Constraint) or node.subtype != "C":
        name = quoted(made_up(domain.name, "not_null"))
        definition = f"CONSTRAINT {name} CHECK (VALUE IS NOT NULL) NOT VALID"
    else:
        apart = copy.copy(node.def_)
        apart.skip_validation = True
        apart.conname = node.def_.conname or made_up(domain.name, "check")
        definition = sql_of(apart).strip()
    return lines(f"ALTER DOMAIN {domain} ADD {definition};", _by_table(domain))


def _by_table(domain: Name) -> str:
    return said(
        "the domain's constraint stays NOT VALID, which holds for all rows to come; where the "
        f"rows that are there must be proven, on each table with a column of {domain}:",
        "ALTER TABLE … ADD CONSTRAINT … CHECK (…) NOT VALID, then VALIDATE CONSTRAINT, which "
        "stops no writes",
    )


RULES = (
    Rule(judge_domain, (AlterDomainStmt,)),
    Rule(judge_sequence, (AlterSeqStmt,)),
)
