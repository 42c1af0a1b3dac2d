"""A table as metadata: every cell a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg


def text_table(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> dg.TableMetadataValue:
    """`columns` may say what each means, as a mapping."""
    means = columns if isinstance(columns, Mapping) else dict.fromkeys(columns)
    schema = [dg.TableColumn(name, "string", description=d) for name, d in means.items()]
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows], dg.TableSchema(schema)
    )


def table_of_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> dg.TableMetadataValue:
    """Rows have a text for each column, in their order."""
    return text_table(columns, (dict(zip(columns, row, strict=True)) for row in rows))
