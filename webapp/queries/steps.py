"""Find steps.

A page of the documented filters walks the ids of those blocks that hold it, as the kept counts
tell; for the others see `step_plans`. Outputs are read only where they are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import orjson
from sqlalchemy import BigInteger, CursorResult, Row, Select, Text, bindparam, func, select
from sqlalchemy.orm import defer, joinedload
from werkzeug.exceptions import NotFound

from ..extensions import db
from ..filters import MAX_INTEGER, StepFilters
from ..models import Run, Step
from .conditions import Column, Selected
from .counts import count_by_kept_counts, find_span
from .nearer_end import find_from_nearer_end
from .plain import KEPT_STATEMENTS, builder, fetch, fetch_again
from .rare_leads import find_rare_lead, is_sooner_full
from .sqlite_json import MOST_WRITTEN, WrittenRows, can_write, columns_to_write, write_page
from .step_conditions import Lookups, conditions_of, is_by_counts, sort_column
from .step_parts import engine_name
from .step_plans import find_leading, is_empty, must_sort, order_of
from .step_sizes import look_up
from .step_stretches import conditions_of_places, find_stretch

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


def find_steps(
    filters: StepFilters,
    columns: Sequence[Selected],
    after_id: int | None = None,
    exact: bool = False,
) -> Sequence[Row[Any]]:
    """Return these columns of one page of steps, in the order of the filters; first the id.

    `after_id` begins the page after a step, in an order of ids. `exact` says that all steps of the
    list are counted anyway.
    """
    find = partial(_find_steps, columns=columns, after_id=after_id)
    return find_from_nearer_end(find, filters, exact)


def _find_steps(
    filters: StepFilters, columns: Sequence[Selected], after_id: int | None
) -> Sequence[Row[Any]]:
    page = _find_page(filters, after_id)
    if page is None:
        return []
    if sort_column(filters) is Step.id:
        return page.fetch(page.select(tuple(columns))).all()
    # Put in order here: a sort in the database would carry the outputs along.
    ids = page.fetch(page.select(None)).scalars()
    places = {step_id: n for n, step_id in enumerate(ids)}
    rows = fetch_again(_rows_of_ids(tuple(columns)), {"ids": list(places)}).all()
    return sorted(rows, key=lambda row: places[row[0]])


def write_steps_page(
    filters: StepFilters, keys: tuple[str, ...], after_id: int | None = None
) -> WrittenRows | None:
    """Return the JSON of one page of steps as the database writes it.

    None where rows must be read for it: in an order other than of ids, under filters of which there
    are many, and where there is much text.
    """
    is_of_ids = sort_column(filters) is Step.id and filters.limit <= MOST_WRITTEN
    if not (is_of_ids and _are_few(filters) and can_write(db.engine.dialect, Step, keys)):
        return None
    page = _find_page(filters, after_id)
    if page is None:
        return WrittenRows([], [])
    rows = page.select(columns_to_write(keys))
    return write_page(rows, keys, page.values)


def _are_few(filters: StepFilters) -> bool:
    """Tell whether there are few such filters, so that what is made for one is used again."""
    return filters.has_only("status", "step_type")


def find_step_ids(
    filters: StepFilters, after_id: int | None = None, exact: bool = False
) -> Sequence[int]:
    """Return the ids alone of one page of steps."""
    return find_from_nearer_end(partial(_find_step_ids, after_id=after_id), filters, exact)


def _find_step_ids(filters: StepFilters, after_id: int | None) -> Sequence[int]:
    page = _find_page(filters, after_id)
    if page is None:
        return []
    statement = page.select(None)
    if db.engine.dialect.name == "sqlite":
        # As one text: ten thousand rows of one number each take four times as long.
        ids: list[int] = orjson.loads(fetch(_as_json(statement), page.values).scalar_one())
        return ids
    return fetch(statement, page.values).scalars().all()


def _as_json(ids: Select[tuple[int]]) -> Select[tuple[str]]:
    """Select the ids that a statement finds as a JSON array, in their order."""
    found = ids.subquery()
    return select(func.json_group_array(found.c.id, type_=Text))


@dataclass(frozen=True, slots=True)
class _Page:
    """What tells the statement of a page, and the values that it is run with.

    `is_plain` tells that every row from the first one on is of the page.
    """

    filters: StepFilters
    found: Lookups
    leading: Column | None
    values: dict[str, Any]
    is_plain: bool

    def fetch(self, statement: Select[Any]) -> CursorResult[Any]:
        """Run the statement of this page."""
        run = fetch_again if _are_few(self.filters) else fetch
        return run(statement, self.values)

    def select(self, columns: tuple[Selected, ...] | None) -> Select[Any]:
        """Return the statement of these columns of the page, or of its ids alone."""
        key = "" if self.leading is None else self.leading.key
        run_ids, names = self.found.run_ids, tuple(self.found.names)
        given = frozenset(self.values)
        # What else tells the rows stands in the values.
        bare, moment = self.filters.of_any_page(), self.filters.moment
        build = builder(_build, len(names) + self.filters.n_values())
        asked = (bare, moment, run_ids, names, key, given, columns)
        return build(engine_name(), *asked, self.is_plain)


# To build such a statement takes longer than to run it; what is asked once is asked again.
@lru_cache(KEPT_STATEMENTS)
def _build(
    _engine: str,
    filters: StepFilters,
    _moment: datetime | None,
    run_ids: tuple[int, ...],
    names: tuple[str, ...],
    leading: str,
    given: frozenset[str],
    columns: tuple[Selected, ...] | None,
    is_plain: bool,
) -> Select[Any]:
    """Build the statement of a page; `given` are the values that it will be run with."""
    found = Lookups(run_ids, list(names), {}, filters.status, filters.step_type)
    column = getattr(Step, leading) if leading else None
    conditions = conditions_of(filters, found, column)
    conditions += conditions_of_places(given, must_sort(filters, column, found))
    limit, offset = (bindparam(name, type_=BigInteger) for name in ("limit", "offset"))

    def page_of(rows: Select[Any]) -> Select[Any]:
        ordered = rows.where(*conditions).order_by(*order_of(filters, column, found))
        return ordered.limit(limit).offset(offset)

    if is_plain and columns is not None:
        # By their ids alone, each would be looked up by itself.
        return page_of(_rows_of(columns))
    # The ids first: an index alone finds them, so that no skipped row is read.
    ids = page_of(select(Step.id).correlate(None))
    if columns is None:
        return ids
    # Columns are asked for in an order of ids alone.
    ordered = Step.id.desc() if filters.sort == "-id" else Step.id.asc()
    return _rows_of(columns).where(Step.id.in_(ids)).order_by(ordered)


@lru_cache(KEPT_STATEMENTS)
def _rows_of_ids(columns: tuple[Selected, ...]) -> Select[Any]:
    ids = bindparam("ids", type_=BigInteger, expanding=True)
    return _rows_of(columns).where(Step.id.in_(ids))


def _rows_of(columns: tuple[Selected, ...]) -> Select[Any]:
    return select(*columns).select_from(Step).outerjoin(Run, Run.id == Step.run_id)


def _find_page(filters: StepFilters, after_id: int | None) -> _Page | None:
    """Return what tells the page; None where it can have no row."""
    found = look_up(filters)
    if filters.limit == 0 or is_empty(filters, found, filters.offset):
        return None
    values: dict[str, Any] = {"limit": filters.limit, "offset": filters.offset}
    leading, by_counts = find_leading(filters, found), is_by_counts(filters)
    if leading is not None:
        if is_sooner_full(filters, found, leading, after_id):
            leading = None
    elif not by_counts:
        if _is_beyond(filters):
            return None
        leading = find_rare_lead(filters, after_id)
    is_walk = leading is None
    if is_walk and (filters.has_starts or filters.has_ends):
        values |= find_stretch(filters)
    if is_walk and by_counts:
        span = find_span(filters, after_id)
        if span is None:
            return None
        values |= {"offset": span.skip, "first_id": span.first_id, "end_id": span.end_id}
    if after_id is not None:
        values["before_id" if filters.sort == "-id" else "after_id"] = after_id
    is_plain = by_counts and filters.has_only() and values["offset"] == 0
    return _Page(filters, found, leading, values, is_plain)


def _is_beyond(filters: StepFilters) -> bool:
    """Tell whether the kept counts say that there is no such page."""
    is_known = filters.offset > 0 and filters.is_documented
    return is_known and count_by_kept_counts(filters) <= filters.offset


def get_step(step_id: int) -> Step:
    """Return one step with its run, or answer 404; its output is read when it is touched."""
    options = (defer(Step.output), joinedload(Step.run))
    step = db.session.get(Step, step_id, options=options) if step_id <= MAX_INTEGER else None
    if step is None:
        raise NotFound(f"There is no step {str(step_id)[:60]}.")
    return step
