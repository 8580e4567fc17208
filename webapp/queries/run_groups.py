"""Sum up the runs that were started together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from werkzeug.exceptions import NotFound

from ..columns import UtcDateTime
from ..extensions import db
from ..models import OPEN_STATUSES, Run, RunStatus, StepStatus
from .counts import of_groups

# More targets than this are counted, not named.
NAMED_TARGETS = 8


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that were started together, as one.

    `runs` and `steps` tell how many stand at each status; `completed_at` is None while one of the
    runs has not ended; `sum_ms` adds the durations of those that have one; `targets` names the
    first few of `n_targets`.
    """

    id: str
    runs: dict[str, int]
    steps: dict[str, int]
    started_at: datetime | None
    completed_at: datetime | None
    sum_ms: int
    n_targets: int
    targets: list[str]

    @property
    def n_runs(self) -> int:
        """Return how many runs the group has."""
        return sum(self.runs.values())

    @property
    def n_steps(self) -> int:
        """Return how many steps its runs have."""
        return sum(self.steps.values())

    @property
    def run_tally(self) -> list[tuple[str, int]]:
        """Return how many runs stand at each status that one has."""
        return [(status, n) for status, n in self.runs.items() if n]

    @property
    def step_tally(self) -> list[tuple[str, int]]:
        """Return how many steps stand at each status that one has."""
        return [(status, n) for status, n in self.steps.items() if n]

    @property
    def wall_ms(self) -> float | None:
        """Return the time from the first start to the last end; None while there is no end."""
        if self.started_at is None or self.completed_at is None:
            return None
        return (self.completed_at - self.started_at) / timedelta(milliseconds=1)


def get_run_group(run_group_id: str) -> RunGroup:
    """Return the group with this id, or answer 404."""
    # PostgreSQL takes no NUL in a text; no group has one.
    is_member = of_groups((run_group_id.replace("\0", "␀"),))
    n_runs, steps, rest = _sum_up(is_member)
    if not any(n_runs.values()):
        raise NotFound(f"There is no group of runs {run_group_id[:60]}.")
    is_open, started_at, completed_at, sum_ms, n_targets = rest
    return RunGroup(
        id=run_group_id,
        runs=n_runs,
        steps=steps,
        started_at=started_at,
        completed_at=None if is_open else completed_at,
        sum_ms=int(sum_ms or 0),
        n_targets=n_targets,
        targets=_find_targets(is_member),
    )


def _sum_up(is_member: ColumnElement[bool]) -> tuple[dict[str, int], dict[str, int], Any]:
    """Return the runs by status, the steps by status, and what remains, in one look."""
    statement = select(
        *(func.count().filter(Run.status == status) for status in RunStatus),
        *(func.sum(getattr(Run, f"steps_{status}")) for status in StepStatus),
        func.count().filter(Run.status.in_(OPEN_STATUSES)),
        func.min(Run.started_at, type_=UtcDateTime),
        func.max(Run.completed_at, type_=UtcDateTime),
        func.sum(Run.duration_ms),
        func.count(Run.target.distinct()),
    ).where(is_member)
    row = list(db.session.execute(statement).one())
    n, m = len(RunStatus), len(StepStatus)
    runs = {status.value: row[place] for place, status in enumerate(RunStatus)}
    steps = {status.value: int(row[n + place] or 0) for place, status in enumerate(StepStatus)}
    return runs, steps, row[n + m :]


def _find_targets(is_member: ColumnElement[bool]) -> list[str]:
    statement = select(Run.target).where(is_member).distinct().order_by(Run.target)
    return list(db.session.execute(statement.limit(NAMED_TARGETS)).scalars())
