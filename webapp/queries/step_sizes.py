"""Find how many steps each filter lets through, as far as that decides how to look them up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, select

from ..filters import ENDED, STARTED, StepFilters, part_negated
from ..models import Run, Step, StepStatus
from .conditions import Column, any_of, range_conditions
from .counts import COUNTED, count_by_kept_counts, count_up_to
from .distinct import find_step_names
from .kept import kept
from .plain import fetch
from .step_conditions import (
    COUNTED_COLUMNS,
    LISTED_NAMES,
    NOTHING,
    Lookups,
    are_listed,
    conditions_of,
    is_one,
)
from .step_parts import lead_of

# A value of no more rows than this is looked up through an index that lacks other filters.
RARE = 2_000
# The index of several workspaces is looked through for what is rare, if it has no more rows.
LOOKED_THROUGH = 200_000
# The steps of no more runs than this are looked up run by run.
LISTED_RUNS = 1_000


def look_up(filters: StepFilters) -> Lookups:
    """Look up what planning needs to know."""
    if filters.has_only():
        return NOTHING
    return _look_up(filters.of_any_order(), filters.moment)


@kept
def _look_up(filters: StepFilters, _moment: datetime | None) -> Lookups:
    # One more tells that there are too many to list.
    names = find_step_names(filters.step_name, LISTED_NAMES + 1) if filters.step_name else []
    found = Lookups(_find_run_ids(filters), names, {}, filters.status, filters.step_type)
    if found.run_ids:
        return found
    return found._replace(sizes={**_measure(filters, found), **_measure_counted(filters)})


def _find_run_ids(filters: StepFilters) -> tuple[int, ...]:
    """Return the numbers of the runs that `run_id` and `run_uuid` both let through."""
    if not filters.run_uuid:
        return filters.run_id
    statement = select(Run.id).where(any_of(Run.run_uuid, filters.run_uuid))
    found = tuple(fetch(statement).scalars())
    return tuple(set(found) & set(filters.run_id)) if filters.run_id else found


def _measure(filters: StepFilters, found: Lookups) -> dict[Column, int]:
    """Count what the filters without kept counts let through, each alone, if that is little."""
    sizes = {}
    for column, one, most in alone(filters):
        conditions = conditions_of(one, found if one.step_name else NOTHING, column)
        total = count_up_to(select(Step.id).where(*conditions), exact=False)
        if total.is_exact and total.n <= most:
            sizes[column] = total.n
    return sizes | _measure_runs(filters, LISTED_RUNS, COUNTED)


def alone(filters: StepFilters) -> Iterable[tuple[Column, StepFilters, int]]:
    """Yield each filter that an index could lead, alone, and how many rows it is good for."""
    used = (
        (Step.step_name, bool(filters.step_name), COUNTED),
        (Step.module_name, _has_module(filters), RARE),
        (Step.recovered, filters.recovered == "yes", RARE),
        (Step.started_at, filters.has_starts, COUNTED),
        (Step.completed_at, filters.has_ends, COUNTED),
        (Step.duration_ms, filters.has_durations, COUNTED),
    )
    for column, is_used, most in used:
        if is_used:
            yield column, held_by(filters, column), most


def _has_module(filters: StepFilters) -> bool:
    """Tell whether steps without a module are out: these are not in its index."""
    plain, negated = part_negated(filters.module_name)
    return bool(plain) or "" in negated


def held_by(filters: StepFilters, column: Column) -> StepFilters:
    """Return those of the filters that the index of a column holds before all else."""
    # There is an index of one status and the start.
    status = ("status",) if is_one(filters.status) else ()
    names: dict[Column, tuple[str, ...]] = {
        Step.step_name: ("step_name",),
        Step.module_name: ("module_name",),
        Step.recovered: ("recovered",),
        Step.started_at: (*STARTED, "asked_at", *status),
        Step.completed_at: (*ENDED, "asked_at", "status"),
        Step.duration_ms: ("min_duration_ms", "max_duration_ms"),
    }
    return StepFilters(**{name: getattr(filters, name) for name in names.get(column, ())})


def measure_common(
    filters: StepFilters, found: Lookups, most: Callable[[Column], int], walked: Column | None
) -> dict[Column, int]:
    """Return how many rows the filters with an index let through, each alone, where not too many.

    `most` says of each how many are not. Without that of the column that the list goes along, and
    without names that are too many to list: what leads must be a list of them.
    """
    of_runs = most(Step.run_id)
    sizes = _measure_values(filters, most) | _measure_runs(filters, of_runs, of_runs)
    for column, one, _ in alone(filters):
        is_listed = column is not Step.step_name or are_listed(found.names)
        if is_listed and column is not walked:
            limit = most(column)
            n = count_alone(one, found, column, limit)
            if n <= limit:
                sizes[column] = n
    return sizes


def count_alone(one: StepFilters, found: Lookups, column: Column, most: int) -> int:
    """Count what one filter lets through by the index of its column, to one more than `most`."""
    return count_to(conditions_of(one, found if one.step_name else NOTHING, column), most)


def count_duration_parts(filters: StepFilters, most: int) -> int:
    """Count the parts of durations that SQLite looks a range up in, to one more than `most`."""
    durations = held_by(filters, Step.duration_ms)
    places = select(literal(1)).where(*range_conditions(durations, Step, lead_of)).limit(most + 1)
    return fetch(select(func.count()).select_from(places.subquery())).scalar_one()


def count_to(conditions: Sequence[ColumnElement[bool]], most: int) -> int:
    """Count the steps that conditions let through, to one more than `most`."""
    rows = select(Step.id).where(*conditions).limit(most + 1).subquery()
    return fetch(select(func.count()).select_from(rows)).scalar_one()


def _measure_values(filters: StepFilters, most: Callable[[Column], int]) -> dict[Column, int]:
    """Return how many rows the values of each counted column have, where these are no more.

    Those of a workspace, or of several; of a status or type where it is one.
    """
    sizes: dict[Column, int] = {}
    for column in COUNTED_COLUMNS:
        values = getattr(filters, column.key)
        if is_one(values) or (values and column is Step.workspace):
            n = count_by_kept_counts(replace(StepFilters(), **{column.key: values}))
            if n <= most(column):
                sizes[column] = n
    return sizes


def _measure_runs(filters: StepFilters, most_runs: int, most: int) -> dict[Column, int]:
    """Add up the kept counts of the runs of some workflows and targets, if these are few."""
    parts = {
        column: part_negated(getattr(filters, column.key))[0]
        for column in (Run.workflow_name, Run.target)
    }
    wanted = [any_of(column, plain) for column, plain in parts.items() if plain]
    if not wanted:
        return {}
    n = sum((getattr(Run, f"steps_{status}") for status in StepStatus), start=0 * Run.id)
    runs = select(n.label("n")).where(*wanted).limit(most_runs + 1).subquery()
    statement = select(func.count(), func.coalesce(func.sum(runs.c.n), 0))
    n_runs, n_steps = fetch(statement.select_from(runs)).one()
    return {Step.run_id: int(n_steps)} if n_runs <= most_runs and n_steps <= most else {}


def _measure_counted(filters: StepFilters) -> dict[Column, int]:
    """Return how many rows the one value of a counted column has, where these are few."""
    sizes = _measure_values(filters, lambda _: RARE)
    if not sizes and filters.is_documented and _are_small(filters.workspace):
        # The index of workspaces holds the status and the type: what is rare is found in it alone.
        n = count_by_kept_counts(filters)
        if n <= RARE:
            sizes[Step.workspace] = n
    return sizes


def _are_small(workspaces: tuple[str, ...]) -> bool:
    """Tell whether the index of workspaces can be looked through: of one, of several if short."""
    if len(workspaces) < 2:
        return bool(workspaces)
    return count_by_kept_counts(StepFilters(workspace=workspaces)) <= LOOKED_THROUGH
