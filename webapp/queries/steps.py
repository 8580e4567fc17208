"""Find steps.

A page of the documented filters walks the ids of those blocks that hold it, as the kept counts
tell; where one value is rare, its index is the shorter way. Outputs are read only where they are
asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import defer, joinedload
from werkzeug.exceptions import NotFound

from ..extensions import db
from ..filters import MAX_INTEGER, NOT, StepFilters
from ..models import Run, Step
from .conditions import Column, any_of, chosen, unindexed
from .counts import Total, count_by_kept_counts, count_up_to, find_span
from .distinct import find_step_names

# What a list shows of a step: all but its texts.
LIST_COLUMNS: tuple[Column, ...] = (
    Step.id,
    Step.run_id,
    Step.step_name,
    Step.step_type,
    Step.status,
    Step.workspace,
    Step.module_name,
    Step.recovered,
    Step.position,
    Step.duration_ms,
    Step.started_at,
    Step.completed_at,
    Step.preview,
    Step.output_bytes,
    Step.output_lines,
    Run.workflow_name,
    Run.target,
)
# What the documented API tells of a step.
API_COLUMNS: tuple[Column, ...] = (
    Step.id,
    Step.run_id,
    Step.step_name,
    Step.step_type,
    Step.status,
    Step.command,
    Step.output,
    Step.error,
    Step.started_at,
    Step.completed_at,
    Step.duration_ms,
    Step.created_at,
    Step.updated_at,
)
# What the API tells besides, in lists of our own.
FULL_COLUMNS: tuple[Column, ...] = (
    *API_COLUMNS,
    Step.workspace,
    Step.module_name,
    Step.position,
    Step.recovered,
    Step.exports,
)
# A value of no more rows than this is looked up through its index.
RARE = 2_000
# More names than this are compared by their text, not listed in the statement.
LISTED_NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How to look steps up: the conditions, and the column whose index leads, if one does.

    `has_many` tells that the wanted names alone have more than COUNTED rows.
    """

    conditions: list[ColumnElement[bool]]
    leading: Column | None
    is_empty: bool = False
    has_many: bool = False


class Names(NamedTuple):
    """The step names that contain the text of a filter, and whether few rows have them."""

    found: list[str]
    are_rare: bool


def find_names(filters: StepFilters) -> Names | None:
    """Look the text of the name filter up, once for all that needs it; None: no such filter."""
    if not filters.step_name:
        return None
    found = find_step_names(filters.step_name)
    return Names(found, _are_rare(found))


def find_steps(
    filters: StepFilters, columns: Sequence[Column], names: Names | None = None
) -> Sequence[Row[Any]]:
    """Return these columns of one page of steps, in the order of the filters."""
    plan = plan_steps(filters, names)
    conditions, offset = plan.conditions, filters.offset
    if plan.is_empty or filters.limit == 0:
        return []
    if plan.leading is None and not filters.step_name:
        span = find_span(filters)
        if span is None:
            return []
        conditions = [*conditions, Step.id >= span.first_id, Step.id < span.end_id]
        offset = span.skip
    order = Step.id.desc() if filters.sort == "-id" else Step.id
    # The ids first: an index alone finds them, so that no skipped row is read.
    ids = select(Step.id).where(*conditions).order_by(order).limit(filters.limit).offset(offset)
    statement = (
        select(*columns)
        .select_from(Step)
        .outerjoin(Run, Run.id == Step.run_id)
        .where(Step.id.in_(ids))
        .order_by(order)
    )
    return db.session.execute(statement).all()


def count_steps(filters: StepFilters, exact: bool = False) -> Total:
    """Count the steps that the filters let through.

    The documented filters are always counted exactly; a text in the name beyond COUNTED only
    when asked to.
    """
    if not (filters.run_id or filters.run_uuid or filters.step_name):
        return Total(count_by_kept_counts(filters))
    plan = plan_steps(filters)
    if plan.is_empty:
        return Total(0)
    is_exact = exact or not filters.step_name
    return count_up_to(select(Step.id).where(*plan.conditions), is_exact)


def plan_steps(filters: StepFilters, names_found: Names | None = None) -> Plan:
    """Decide how to look the steps of the filters up."""
    run_ids = _find_run_ids(filters)
    names, are_rare = names_found or find_names(filters) or ([], False)
    if (filters.run_uuid and not run_ids) or (filters.step_name and not names):
        return Plan([], None, is_empty=True)
    if run_ids:
        leading: Column | None = Step.run_id
    elif names:
        leading = Step.step_name if are_rare else None
    else:
        leading = _find_rare_column(filters)
    has_many = leading is None and 0 < len(names) <= LISTED_NAMES
    conditions = _conditions(replace(filters, run_id=run_ids), names, leading)
    return Plan(conditions, leading, has_many=has_many)


def _conditions(
    filters: StepFilters, names: list[str], leading: Column | None
) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions; only the leading column may be looked up by its index."""

    def way(column: Column) -> Any:
        return column if column is leading else unindexed(column)

    conditions: list[ColumnElement[bool]] = []
    if filters.run_id:
        conditions.append(any_of(way(Step.run_id), filters.run_id))
    if filters.workspace:
        conditions.append(any_of(way(Step.workspace), filters.workspace))
    if filters.status:
        conditions.append(chosen(way(Step.status), filters.status))
    if filters.step_type:
        conditions.append(chosen(way(Step.step_type), filters.step_type))
    if len(names) > LISTED_NAMES:
        conditions.append(way(Step.step_name).icontains(filters.step_name, autoescape=True))
    elif names:
        conditions.append(any_of(way(Step.step_name), names))
    return conditions


def _find_run_ids(filters: StepFilters) -> tuple[int, ...]:
    """Return the numbers of the runs that `run_id` and `run_uuid` both let through."""
    if not filters.run_uuid:
        return filters.run_id
    statement = select(Run.id).where(any_of(Run.run_uuid, filters.run_uuid))
    found = tuple(db.session.execute(statement).scalars())
    return tuple(set(found) & set(filters.run_id)) if filters.run_id else found


def _are_rare(names: list[str]) -> bool:
    if not names or len(names) > LISTED_NAMES:
        return False
    return count_up_to(select(Step.id).where(any_of(Step.step_name, names)), exact=False).is_exact


def _find_rare_column(filters: StepFilters) -> Column | None:
    """Return the column whose one wanted value has the fewest rows, if these are few."""
    totals: dict[Column, int] = {}
    for column in (Step.workspace, Step.status, Step.step_type):
        values = getattr(filters, column.key)
        is_plain = column is Step.workspace or not any(value.startswith(NOT) for value in values)
        if len(values) == 1 and is_plain:
            alone = replace(StepFilters(), **{column.key: values})
            totals[column] = count_by_kept_counts(alone)
    rarest = min(totals, key=lambda column: totals[column], default=None)
    return rarest if rarest is not None and totals[rarest] <= RARE else None


def get_step(step_id: int) -> Step:
    """Return one step with its run, or answer 404; its output is read when it is touched."""
    options = (defer(Step.output), joinedload(Step.run))
    step = db.session.get(Step, step_id, options=options) if step_id <= MAX_INTEGER else None
    if step is None:
        raise NotFound(f"There is no step {str(step_id)[:60]}.")
    return step
