"""Turn the filters of steps into WHERE conditions.

Each takes a `way` to write a column, which decides whether an index may be used for it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, select

from ..filters import StepFilters, chosen_of, part_negated
from ..models import Recovered, Run, Step, StepName, StepStatus
from .conditions import Column, Way, any_of, chosen, range_conditions, unindexed
from .step_parts import joined_parts, lead_of

# More names than this are not listed in the statement: where their index does not lead, texts are
# compared.
LISTED_NAMES = 1_000
# Of these the counts are kept.
COUNTED_COLUMNS = (Step.workspace, Step.status, Step.step_type)
# Only what has ended has a duration.
HAVE_DURATIONS = (StepStatus.COMPLETED, StepStatus.FAILED)
_RECOVERED = (Recovered.EXECUTION_LOG, Recovered.CONSOLE_LOG)


class Lookups(NamedTuple):
    """What is looked up once for all that a list needs.

    `run_ids` are the runs asked for by number and UUID, `names` the step names that contain the
    text. `sizes` tells how many rows a filter alone lets through, where that is less than its
    index is good for; those of the start and the end hold for this `status` alone.
    """

    run_ids: tuple[int, ...]
    names: list[str]
    sizes: Mapping[Column, int]
    status: tuple[str, ...]
    step_type: tuple[str, ...]


NOTHING = Lookups((), [], {}, (), ())


def are_listed(names: list[str]) -> bool:
    """Tell whether there are names, and so few that a statement lists them."""
    return 0 < len(names) <= LISTED_NAMES


def conditions_of(
    filters: StepFilters,
    found: Lookups,
    leading: Column | None,
    way: Way | None = None,
) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions; only what leads or sorts may be looked up by its index.

    `way` says how to write a column, where the rows are not those of the table.
    """
    walked = leading if leading is not None else sort_column(filters)
    plain = _plain_columns(filters, walked)

    def of_table(column: Column) -> Any:
        if column is walked:
            return lead_of(column)
        return column if any(column is one for one in plain) else unindexed(column)

    conditions = [] if way else joined_parts(walked)
    way = way or of_table
    conditions += run_conditions(filters, found.run_ids, way)
    for column in COUNTED_COLUMNS:
        if values := getattr(filters, column.key):
            is_exact = column is Step.workspace
            conditions.append((any_of if is_exact else chosen)(way(column), values))
    conditions += _name_conditions(filters, found, leading, way)
    if filters.module_name:
        conditions.append(chosen(way(Step.module_name), filters.module_name))
    if filters.recovered == "no":
        conditions.append(way(Step.recovered) == Recovered.NO)
    elif filters.recovered:
        conditions.append(way(Step.recovered).in_(_RECOVERED))
    if leading is Step.module_name or leading is Step.recovered:
        # Said, so that the index without the empty ones can be used.
        conditions.append(leading != "")
    if walked is Step.completed_at:
        # Said, as the status stands first in the index.
        conditions.append(any_of(way(Step.status), statuses_of(filters)))
    if filters.has_durations:
        conditions.append(way(Step.status).in_(HAVE_DURATIONS))
    return [*conditions, *range_conditions(filters, Step, way)]


def _plain_columns(filters: StepFilters, walked: Column) -> tuple[Column, ...]:
    """Return the columns that an index may be used for, where the rows are those of the table."""
    if walked is Step.started_at and is_one(filters.status):
        # There is an index of both.
        return Step.started_at, Step.status
    if walked is Step.completed_at:
        return Step.completed_at, Step.status
    if walked is Step.id and len(filters.workspace) == 1:
        # Its index goes by the id too, and holds the status and the type: where these are rare,
        # to walk all ids would take seconds.
        return Step.id, Step.workspace
    return (walked,)


def _name_conditions(
    filters: StepFilters, found: Lookups, leading: Column | None, way: Way
) -> Iterable[ColumnElement[bool]]:
    """Yield the condition of the text that the step's name contains, if there is one."""
    if are_listed(found.names):
        yield any_of(way(Step.step_name), found.names)
    elif found.names and leading is Step.step_name:
        # Each of them is looked up: to compare the text of every row takes ten times as long.
        yield way(Step.step_name).in_(names_with(filters.step_name))
    elif found.names:
        yield way(Step.step_name).icontains(filters.step_name, autoescape=True)


def sort_column(filters: StepFilters) -> Column:
    """Return the column that the list is sorted by."""
    columns = {one.key: one for one in (Step.id, Step.started_at, Step.duration_ms, Step.step_name)}
    return columns[filters.sort.removeprefix("-")]


def is_by_counts(filters: StepFilters) -> bool:
    """Tell whether the kept counts say where each page of the list begins."""
    return filters.is_documented and sort_column(filters) is Step.id


def names_with(text: str) -> Select[tuple[str]]:
    """Select the step names that contain a text; case is ignored."""
    return select(StepName.name).where(StepName.name.icontains(text, autoescape=True))


def is_one(values: tuple[str, ...]) -> bool:
    """Tell whether one value is asked for, and no other is excluded."""
    return len(values) == 1 and not part_negated(values)[1]


def run_conditions(
    filters: StepFilters, run_ids: tuple[int, ...], way: Way
) -> Iterable[ColumnElement[bool]]:
    """Yield the conditions that ask for runs, by these numbers and by workflow and target."""
    if run_ids:
        yield any_of(way(Step.run_id), run_ids)
    parts = [
        (column, part_negated(getattr(filters, column.key)))
        for column in (Run.workflow_name, Run.target)
    ]
    wanted = [any_of(column, plain) for column, (plain, _) in parts if plain]
    if wanted:
        yield way(Step.run_id).in_(select(Run.id).where(*wanted))
    for column, (_, negated) in parts:
        if negated:
            yield way(Step.run_id).not_in(select(Run.id).where(any_of(column, negated)))


def statuses_of(filters: StepFilters) -> list[str]:
    """Return the statuses that the filter of status lets through."""
    return chosen_of(StepStatus, filters.status)
