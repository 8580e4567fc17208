"""Find steps.

A page of the documented filters walks the ids of those blocks that hold it, as the kept counts
tell; for the others see `step_plans`. Outputs are read only where they are asked for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import defer, joinedload
from werkzeug.exceptions import NotFound

from ..extensions import db
from ..filters import MAX_INTEGER, StepFilters
from ..models import Run, Step
from .conditions import Column, Selected
from .counts import Total, count_by_kept_counts, count_up_to, find_span
from .step_plans import Lookups, look_up, plan_steps, plan_walk, sort_column

# What a list shows of a step: all but its texts.
LIST_COLUMNS: tuple[Selected, ...] = (
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
    Run.status.label("run_status"),
    Run.updated_at.label("run_updated_at"),
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

# Where no index says how many rows there are, a page looks at so many to count them.
WALKED = 50_000


def find_steps(
    filters: StepFilters,
    columns: Sequence[Selected],
    found: Lookups | None = None,
    after_id: int | None = None,
) -> Sequence[Row[Any]]:
    """Return these columns of one page of steps, in the order of the filters.

    `found` is what `look_up` told of the filters, if that is known already. `after_id` begins the
    page after a step, in an order of ids.
    """
    ids = _select_ids(filters, found, after_id)
    return [] if ids is None else _find_rows(filters, columns, ids)


def find_step_ids(filters: StepFilters, after_id: int | None = None) -> Sequence[int]:
    """Return the ids alone of one page of steps."""
    ids = _select_ids(filters, None, after_id)
    # By the connection: 10,000 numbers need nothing of the ORM.
    return [] if ids is None else db.session.connection().execute(ids).scalars().all()


def _select_ids(
    filters: StepFilters, found: Lookups | None, after_id: int | None
) -> Select[tuple[int]] | None:
    """Return what selects the ids of a page; None where there can be none."""
    plan = plan_steps(filters, found or look_up(filters))
    conditions, offset = plan.conditions, filters.offset
    if plan.is_empty or filters.limit == 0:
        return None
    if plan.leading is None and filters.is_documented and sort_column(filters) is Step.id:
        span = find_span(filters, after_id)
        if span is None:
            return None
        conditions = [*conditions, Step.id >= span.first_id, Step.id < span.end_id]
        offset = span.skip
    if after_id is not None:
        is_later = Step.id < after_id if filters.sort == "-id" else Step.id > after_id
        conditions = [*conditions, is_later]
    # The ids first: an index alone finds them, so that no skipped row is read.
    ids = select(Step.id).where(*conditions).order_by(*_order(filters))
    return ids.limit(filters.limit).offset(offset)


def _find_rows(
    filters: StepFilters, columns: Sequence[Selected], ids: Select[tuple[int]]
) -> Sequence[Row[Any]]:
    """Return the rows of the ids, in their order."""
    statement = select(*columns).select_from(Step).outerjoin(Run, Run.id == Step.run_id)
    if sort_column(filters) is Step.id:
        statement = statement.where(Step.id.in_(ids)).order_by(*_order(filters))
        return db.session.execute(statement).all()
    # Put in order here: a sort in the database would carry the outputs along.
    places = {step_id: n for n, step_id in enumerate(db.session.execute(ids).scalars())}
    rows = db.session.execute(statement.where(Step.id.in_(places))).all()
    return sorted(rows, key=lambda row: places[row.id])


def _order(filters: StepFilters) -> list[ColumnElement[Any]]:
    """Return the order of the list; the id breaks ties. A step that never began began first."""
    column: Any = sort_column(filters)
    columns = [column] if column is Step.id else [column, Step.id]
    is_descending = filters.sort.startswith("-")
    order = [one.desc() if is_descending else one.asc() for one in columns]
    if column is Step.started_at:
        order[0] = order[0].nulls_last() if is_descending else order[0].nulls_first()
    return order


def count_steps(filters: StepFilters, exact: bool = False, found: Lookups | None = None) -> Total:
    """Count the steps that the filters let through.

    The documented filters are always counted exactly; the others beyond COUNTED only when asked
    to.
    """
    if filters.is_documented:
        return Total(count_by_kept_counts(filters))
    found = found or look_up(filters)
    plan = plan_steps(filters, found, is_count=True)
    if plan.is_empty:
        return Total(0)
    only_runs = replace(filters, run_id=(), run_uuid=()).is_documented
    if plan.is_walk and not (exact or only_runs):
        return _count_walked(filters, found)
    return count_up_to(select(Step.id).where(*plan.conditions), exact or only_runs)


def _count_walked(filters: StepFilters, found: Lookups) -> Total:
    """Count what all filters let through, none of which few rows pass: as far as is not dear."""
    rows, plan = plan_walk(filters, found, WALKED)
    total = count_up_to(select(rows.c.id).where(*plan.conditions), exact=False)
    if total.is_exact:
        n_walked = db.session.execute(select(func.count()).select_from(rows)).scalar_one()
        total = total._replace(is_exact=n_walked < WALKED)
    return total


def get_step(step_id: int) -> Step:
    """Return one step with its run, or answer 404; its output is read when it is touched."""
    options = (defer(Step.output), joinedload(Step.run))
    step = db.session.get(Step, step_id, options=options) if step_id <= MAX_INTEGER else None
    if step is None:
        raise NotFound(f"There is no step {str(step_id)[:60]}.")
    return step
