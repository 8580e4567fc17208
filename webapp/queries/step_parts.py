"""Look steps up by their name or duration, whatever index the engine has for it.

SQLite's have the part of the id first (see `models.parts`): the table of parts leads there, and
says where to look. A row of it can outlive its steps.
"""

from typing import Any

from sqlalchemy import ColumnElement

from ..extensions import db
from ..models import Step, StepDurationPart, StepNamePart, select_part
from .conditions import Column, unindexed

# The value that SQLite looks a column up by, and the part where it is.
PARTS: dict[Column, tuple[Column, Column]] = {
    Step.step_name: (StepNamePart.step_name, StepNamePart.part),
    Step.duration_ms: (StepDurationPart.duration_ms, StepDurationPart.part),
}


def engine_name() -> str:
    """Return the engine's name: a key for statements that are kept, as all below depend on it.

    That of the other engine would find the same, slowly.
    """
    return db.engine.dialect.name


def lead_of(column: Column) -> Column:
    """Return what stands for a column where its index leads, beside `joined_parts`."""
    return PARTS[column][0] if _is_in_parts(column) else column


def joined_parts(column: Column) -> list[ColumnElement[bool]]:
    """Return the conditions that go with `lead_of`: they find the steps of each value and part."""
    if not _is_in_parts(column):
        return []
    value, part = PARTS[column]
    # SQLite would rather look the parts of each step up.
    return [select_part(Step.id) == unindexed(part), column == unindexed(value)]


def in_order(column: Column) -> list[Column]:
    """Return what to order by along a column's index: by its value, and then by the id."""
    if column is Step.id:
        return [Step.id]
    return [*PARTS[column], Step.id] if _is_in_parts(column) else [column, Step.id]


def newest_first(column: Column) -> list[ColumnElement[Any]]:
    """Return the same backwards: of one value, the latest steps first."""
    return [one.desc() for one in in_order(column)]


def _is_in_parts(column: Column) -> bool:
    return column in PARTS and engine_name() == "sqlite"
