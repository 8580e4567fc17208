"""Find runs and what belongs to them."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Row, Select, Text, bindparam, func, select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound

from ..extensions import db
from ..filters import DURATIONS, ENDED, MAX_INTEGER, RANGES, STARTED, RunFilters
from ..models import Artifact, Run, Step
from .conditions import Column, Selected, beside
from .counts import run_conditions
from .kept import kept
from .plain import KEPT_STATEMENTS, builder, fetch, fetch_again

# Of so few runs in a range all are looked at, and put in order.
FEW_RUNS = 1_000

_SORT_COLUMNS: dict[str, Column] = {
    "created_at": Run.created_at,
    "started_at": Run.started_at,
    "duration_ms": Run.duration_ms,
    "workflow_name": Run.workflow_name,
}


class ListedRun(NamedTuple):
    """A run as a list shows it: these columns, each of which is read by name several times."""

    id: int
    workflow_name: str
    target: str
    workspace: str
    status: str
    error: str
    trigger_type: str
    trigger_name: str
    run_group_id: str
    total_steps: int
    steps_pending: int
    steps_running: int
    steps_completed: int
    steps_failed: int
    steps_skipped: int
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime


LISTED: tuple[Column, ...] = tuple(getattr(Run, name) for name in ListedRun._fields)


def find_runs(filters: RunFilters) -> Sequence[ListedRun]:
    """Return one page of runs, in the order of the filters."""
    return [ListedRun._make(row) for row in find_run_rows(filters, LISTED)]


def find_run_rows(
    filters: RunFilters, columns: Sequence[Selected], after_id: int | None = None
) -> Sequence[Row[Any]]:
    """Return these columns of one page of runs; after a run, in an order of ids, if so told."""
    values = {"limit": filters.limit, "offset": filters.offset}
    if after_id is not None:
        values["after_id"] = after_id
    given = frozenset(values)
    leading = _find_leading(filters)
    build = builder(_page, filters.n_values())
    statement = build(filters.of_any_page(), filters.moment, leading, given, tuple(columns))
    return fetch(statement, values).all()


def _find_leading(filters: RunFilters) -> str:
    """Return the name of the column whose range few runs are in, if there is one.

    Else SQLite walks all runs in the order of the list where these do not fill the page.
    PostgreSQL decides by itself.
    """
    has_ranges = filters.has_starts or filters.has_ends or filters.has_durations
    if not has_ranges or db.engine.dialect.name != "sqlite":
        return ""
    ranges = {name: getattr(filters, name) for name in (*RANGES, "asked_at")}
    return _find_few(RunFilters(**ranges), filters.moment)


@kept
def _find_few(ranges: RunFilters, _moment: datetime | None) -> str:
    for column, names in (
        (Run.started_at, (*STARTED, "asked_at")),
        (Run.completed_at, (*ENDED, "asked_at")),
        (Run.duration_ms, DURATIONS),
    ):
        one = RunFilters(**{name: getattr(ranges, name) for name in names})
        if one.active():
            rows = select(Run.id).where(*run_conditions(one)).limit(FEW_RUNS + 1)
            n = fetch(select(func.count()).select_from(rows.subquery())).scalar_one()
            if n <= FEW_RUNS:
                return column.key
    return ""


# To build such a statement takes longer than to run it; what is asked once is asked again.
@lru_cache(KEPT_STATEMENTS)
def _page(
    filters: RunFilters,
    _moment: datetime | None,
    leading: str,
    given: frozenset[str],
    columns: tuple[Selected, ...],
) -> Select[Any]:
    """Build the statement of a page; `given` are the values that it will be run with."""
    lead = getattr(Run, leading) if leading else None
    conditions = run_conditions(filters, lead)
    if "after_id" in given:
        after_id = bindparam("after_id", type_=BigInteger)
        run_id = beside(lead, Run.id)
        conditions.append(run_id < after_id if filters.sort == "-id" else run_id > after_id)
    limit, offset = (bindparam(name, type_=BigInteger) for name in ("limit", "offset"))
    statement = select(*columns).where(*conditions).order_by(*_order_of(filters.sort, lead))
    return statement.limit(limit).offset(offset)


def _order_of(sort: str, leading: Column | None) -> tuple[ColumnElement[Any], ...]:
    """Return what a list of runs is sorted by; the id breaks every tie.

    The empty ones stand where SQLite's indexes have them, on PostgreSQL too.
    """
    name = sort.removeprefix("-")
    is_descending = sort.startswith("-")
    sorted_by = (Run.id,) if name == "id" else (_SORT_COLUMNS[name], Run.id)
    columns = [beside(leading, one) for one in sorted_by]
    order, *tie = (one.desc() if is_descending else one.asc() for one in columns)
    if name in ("started_at", "duration_ms"):
        order = order.nulls_last() if is_descending else order.nulls_first()
    return order, *tie


def get_run(key: str) -> Run:
    """Return a run by its number or its UUID, with its source, or answer 404.

    Of a UUID that several sources have, the run imported last is meant.
    """
    is_number = re.fullmatch("[0-9]{1,19}", key) and int(key) <= MAX_INTEGER
    # PostgreSQL takes no NUL in a text; no run has one.
    statement, value = (_run(), int(key)) if is_number else (_run_of_uuid(), key.replace("\0", "␀"))
    run = db.session.execute(statement, {"key": value}).scalar_one_or_none()
    if run is None:
        raise NotFound(f"There is no run {key[:60]}.")
    return run


# To build such statements takes longer than to run them.
@cache
def _run() -> Select[tuple[Run]]:
    is_it = Run.id == bindparam("key", type_=BigInteger)
    return select(Run).where(is_it).options(joinedload(Run.source))


@cache
def _run_of_uuid() -> Select[tuple[Run]]:
    is_it = Run.run_uuid == bindparam("key", type_=Text)
    latest = select(Run.id).where(is_it).order_by(Run.id.desc()).limit(1)
    return select(Run).where(Run.id == latest.scalar_subquery()).options(joinedload(Run.source))


def find_steps_of_run(
    run_id: int, columns: Sequence[Selected], limit: int, offset: int = 0
) -> Sequence[Row[Any]]:
    """Return these columns of a run's steps, in the order in which they ended."""
    # Sorted by themselves, so that no output is carried through the sort.
    ids = _select_ids_of_run(run_id, limit, offset)
    statement = (
        select(*columns)
        .select_from(Step)
        .join(Run, Run.id == Step.run_id)
        .where(Step.id.in_(ids))
        .order_by(Step.position, Step.id)
    )
    return db.session.execute(statement).all()


def find_step_ids_of_run(run_id: int, limit: int, offset: int) -> Sequence[int]:
    """Return the ids alone of a run's steps, in the same order."""
    statement = _select_ids_of_run(run_id, limit, offset)
    return fetch(statement).scalars().all()


def _select_ids_of_run(run_id: int, limit: int, offset: int) -> Select[tuple[int]]:
    of_run = select(Step.id).where(Step.run_id == run_id)
    return of_run.order_by(Step.position, Step.id).limit(limit).offset(offset)


def find_artifacts_of_run(
    run_id: int, limit: int | None = None, offset: int = 0
) -> Sequence[Artifact]:
    """Return a run's artifacts in the order of import."""
    most = MAX_INTEGER if limit is None else limit
    values = {"run_id": run_id, "limit": most, "offset": offset}
    return db.session.execute(_artifacts(), values).scalars().all()


@cache
def _artifacts() -> Select[tuple[Artifact]]:
    return (
        select(Artifact)
        .where(Artifact.run_id == bindparam("run_id", type_=BigInteger))
        .order_by(Artifact.id)
        .limit(bindparam("limit", type_=BigInteger))
        .offset(bindparam("offset", type_=BigInteger))
    )


def count_artifacts_of_run(run_id: int) -> int:
    """Count the files that a run left behind."""
    statement = select(func.count()).select_from(Artifact).where(Artifact.run_id == run_id)
    return db.session.execute(statement).scalar_one()


def find_neighbour(run_id: int, position: int, forward: bool) -> Row[tuple[int, str]] | None:
    """Return (id, step_name) of the step before or after this place in a run, if there is one."""
    return fetch_again(_neighbour(forward), {"of_run": run_id, "place": position}).first()


@cache
def _neighbour(forward: bool) -> Select[tuple[int, str]]:
    statement = select(Step.id, Step.step_name).where(Step.run_id == bindparam("of_run")).limit(1)
    if forward:
        return statement.where(Step.position > bindparam("place")).order_by(Step.position)
    return statement.where(Step.position < bindparam("place")).order_by(Step.position.desc())
