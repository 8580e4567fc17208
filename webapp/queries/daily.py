"""Count runs and failed steps by periods of time, no further than a page says."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import TypeVar

from sqlalchemy import CompoundSelect, Select, bindparam, func, literal, select, union_all

from ..columns import UtcDateTime
from ..models import Run, Step, StepStatus
from ..periods import Period, cut
from .conditions import Column
from .counts import COUNTED, Total
from .kept import kept
from .plain import fetch

T = TypeVar("T")
# More runs than this in one period are not looked at.
RUNS_SEEN = 100_000


@kept
def count_failed_steps_by(periods: tuple[Period, ...]) -> list[Total]:
    """Count the steps that failed in each period, up to COUNTED; periods may overlap."""
    pieces = cut(periods)
    if not pieces:  # No period has a length.
        return [Total(0) for _ in periods]
    counts = dict(fetch(_failed_steps(len(pieces)), _times(pieces)).tuples().all())
    totals = [_bounded(counts[number]) for number in range(len(pieces))]
    return [add_totals(_within(period, pieces, totals)) for period in periods]


@kept
def count_runs_by(
    periods: tuple[Period, ...], clock: Column = Run.started_at
) -> list[dict[str, Total]]:
    """Count the runs of each period by status, up to COUNTED; periods may overlap.

    Those of a period are the ones that began in it, or with `Run.completed_at` ended in it.
    """
    pieces = cut(periods)
    if not pieces:
        return [{} for _ in periods]
    found: list[dict[str, int]] = [{} for _ in pieces]
    for number, status, n in fetch(_runs(len(pieces), clock), _times(pieces)).all():
        found[number][status] = n
    totals = [_totals(counts) for counts in found]
    return [_merged(_within(period, pieces, totals)) for period in periods]


def add_totals(totals: Iterable[Total]) -> Total:
    """Add totals up; one that is only a lower bound makes the sum one."""
    parts = list(totals)
    n = sum(part.n for part in parts)
    if all(part.is_exact for part in parts):
        return _bounded(n)
    return Total(min(n, COUNTED), is_exact=False)


def _bounded(n: int) -> Total:
    return Total(n) if n <= COUNTED else Total(COUNTED, is_exact=False)


def _totals(counts: dict[str, int]) -> dict[str, Total]:
    if sum(counts.values()) > RUNS_SEEN:
        return {status: Total(min(n, COUNTED), is_exact=False) for status, n in counts.items()}
    return {status: _bounded(n) for status, n in counts.items()}


def _within(period: Period, pieces: Sequence[Period], values: Sequence[T]) -> list[T]:
    """Return the values of the pieces that lie in a period."""
    pairs = zip(pieces, values, strict=True)
    return [
        value
        for piece, value in pairs
        if piece.after >= period.after and piece.before <= period.before
    ]


def _merged(parts: list[dict[str, Total]]) -> dict[str, Total]:
    statuses = dict.fromkeys(status for part in parts for status in part)
    return {
        status: add_totals(part[status] for part in parts if status in part) for status in statuses
    }


def _times(periods: Sequence[Period]) -> dict[str, datetime]:
    after = {f"after_{number}": period.after for number, period in enumerate(periods)}
    return after | {f"before_{number}": period.before for number, period in enumerate(periods)}


# To build a statement of so many parts takes longer than to run it.
@cache
def _failed_steps(n: int) -> CompoundSelect[tuple[int, int]]:
    return union_all(*(_failed_steps_of(number) for number in range(n)))


def _failed_steps_of(number: int) -> Select[tuple[int, int]]:
    rows = (
        select(Step.id)
        .where(
            Step.completed_at >= bindparam(f"after_{number}", type_=UtcDateTime),
            Step.completed_at < bindparam(f"before_{number}", type_=UtcDateTime),
            Step.status == StepStatus.FAILED,
        )
        .limit(COUNTED + 1)
        .subquery()
    )
    return select(literal(number), func.count()).select_from(rows)


@cache
def _runs(n: int, clock: Column) -> CompoundSelect[tuple[int, str, int]]:
    return union_all(*(_runs_of(number, clock) for number in range(n)))


def _runs_of(number: int, clock: Column) -> Select[tuple[int, str, int]]:
    rows = (
        select(Run.status)
        .where(
            clock >= bindparam(f"after_{number}", type_=UtcDateTime),
            clock < bindparam(f"before_{number}", type_=UtcDateTime),
        )
        .limit(RUNS_SEEN + 1)
        .subquery()
    )
    return select(literal(number), rows.c.status, func.count()).group_by(rows.c.status)
