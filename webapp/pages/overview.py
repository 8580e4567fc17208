"""Draw the front page: what failed, what runs now, how the workflows do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import render_template, url_for
from sqlalchemy import Row

from ..charts import BarChart, lay_out_bars
from ..columns import utc_now
from ..filters import NOT, RunFilters, StepFilters
from ..models import RunStatus, StepStatus
from ..periods import DAY, Period
from ..queries.counts import Total, count_by_kept_counts, count_runs
from ..queries.daily import add_totals, count_failed_steps_by, count_runs_by
from ..queries.failures import (
    ENDED_BADLY,
    find_failed_steps,
    find_failure_groups,
    find_runs_that_failed_alone,
)
from ..queries.overview import (
    LATEST_SEEN,
    LONGEST_SEEN,
    find_running_runs,
    find_slow_steps,
    find_steps_at_work,
)
from ..queries.workflows import find_workflows
from . import bp
from .workflows import runs_of

DAYS = 14
WEEK = 7 * DAY
MAX_FAILURES = 10
MAX_GROUPS = 6
MAX_RUNNING = 6
MAX_WORKFLOWS = 10
MAX_SLOW = 8
# The parts of the bar of a day, from the bottom up, and the filter of status that finds each.
COUNTED_ALONE = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
RUN_KINDS: dict[str, tuple[str, ...]] = {
    **{status.value: (status.value,) for status in COUNTED_ALONE},
    "other": tuple(NOT + status for status in COUNTED_ALONE),
}


class Linked(NamedTuple):
    """A number, and the list that it counts."""

    total: Total
    url: str


class Lists(NamedTuple):
    """Where the lists of steps and of runs are: asked for once, not for each of their links."""

    steps_path: str
    runs_path: str

    def steps(self, total: Total, period: Period | None = None) -> Linked:
        """Link a number of failed steps."""
        args = {"status": StepStatus.FAILED.value, **(period.to_args() if period else {})}
        return Linked(total, f"{self.steps_path}?{urlencode(args)}")

    def runs(self, total: Total, period: Period | None, status: Sequence[str] = ()) -> Linked:
        """Link a number of runs."""
        args = {"status": status, **(period.to_args() if period else {})}
        return Linked(total, f"{self.runs_path}?{urlencode(args, doseq=True)}")


class Failure(NamedTuple):
    """What failed: a step, or a run of which no step did."""

    started_at: datetime
    is_step: bool
    row: Row[Any]


@dataclass(frozen=True, slots=True)
class Daily:
    """A chart of days, what each of its parts links to, and the sum of it all."""

    chart: BarChart
    cells: list[dict[str, Linked]]
    days: list[Linked]
    all: Linked


@bp.get("/")
def show_overview() -> str:
    """Show what an operator and a team lead ask first."""
    now = utc_now()
    workflows = find_workflows(MAX_WORKFLOWS)
    if not workflows.n:
        return render_template("overview/fresh.html")
    lists = Lists(url_for("pages.list_steps"), url_for("pages.list_runs"))
    latest, days = Period.last(DAY, now), Period.days(DAYS, now)
    *failed_by_day, failed = count_failed_steps_by([*days, latest])
    *runs_by_day, ended = count_runs_by([*days, latest])
    week = Period.last(WEEK, now)
    return render_template(
        "overview/show.html",
        now=now,
        **_failures(lists, latest, failed, ended),
        wider=None if failed.n or _bad(ended) else _wider(lists, days, failed_by_day, runs_by_day),
        **_running(lists),
        run_kinds=tuple(RUN_KINDS),
        runs_daily=_runs_daily(lists, days, runs_by_day),
        failed_daily=_failed_daily(lists, days, failed_by_day),
        workflows=workflows,
        runs_of=runs_of,
        longest_seen=LONGEST_SEEN,
        latest_seen=LATEST_SEEN,
        slow_steps=find_slow_steps(week, MAX_SLOW),
    )


def _failures(
    lists: Lists, period: Period, failed: Total, runs: Mapping[str, Total]
) -> dict[str, Any]:
    """Return what failed in a period: the newest of it, its numbers, its groups."""
    steps = find_failed_steps(period, MAX_FAILURES) if failed.n else []
    bad_runs = find_runs_that_failed_alone(period, MAX_FAILURES) if _bad(runs) else []
    failures = [Failure(step.started_at, True, step) for step in steps]
    failures += [Failure(run.started_at, False, run) for run in bad_runs]
    failures.sort(key=lambda failure: failure.started_at, reverse=True)
    return {
        "failures": failures[:MAX_FAILURES],
        "failed_period": period,
        "failed_steps": lists.steps(failed, period),
        "bad_runs": {
            status.value: lists.runs(runs[status], period, (status.value,))
            for status in ENDED_BADLY
            if status in runs
        },
        "groups": find_failure_groups(period, failed, MAX_GROUPS) if failed.n else None,
    }


def _bad(runs: Mapping[str, Total]) -> bool:
    return any(status in runs for status in ENDED_BADLY)


def _wider(
    lists: Lists,
    days: Sequence[Period],
    failed: Sequence[Total],
    runs: Sequence[Mapping[str, Total]],
) -> dict[str, Any]:
    """Return the failures of the nearest longer time that has some; all on record at last."""
    for n_days in (7, DAYS):
        period = Period(days[-n_days].after, days[-1].before)
        steps = lists.steps(add_totals(failed[-n_days:]), period)
        bad = [day[status] for day in runs[-n_days:] for status in ENDED_BADLY if status in day]
        ended_badly = lists.runs(add_totals(bad), period, tuple(map(str, ENDED_BADLY)))
        if steps.total.n or ended_badly.total.n:
            return {"when": f"In the last {n_days} UTC days", "steps": steps, "runs": ended_badly}
    on_record = Total(count_by_kept_counts(StepFilters(status=(StepStatus.FAILED.value,))))
    return {"when": "On record", "steps": lists.steps(on_record)}


def _running(lists: Lists) -> dict[str, Any]:
    runs = find_running_runs(MAX_RUNNING)
    status = (RunStatus.RUNNING.value,)
    total = count_runs(RunFilters(status=status)) if len(runs) == MAX_RUNNING else Total(len(runs))
    return {
        "running": runs,
        "running_total": lists.runs(total, None, status),
        "at_work": find_steps_at_work([run.id for run in runs]),
    }


def _runs_daily(lists: Lists, days: Sequence[Period], runs: Sequence[Mapping[str, Total]]) -> Daily:
    cells = []
    for day, by_status in zip(days, runs, strict=True):
        kinds: dict[str, Linked] = {}
        for kind, status in RUN_KINDS.items():
            totals = [n for name, n in by_status.items() if _kind_of(name) == kind]
            if totals:
                kinds[kind] = lists.runs(add_totals(totals), day, status)
        cells.append(kinds)
    sums = [
        lists.runs(add_totals(by_status.values()), day)
        for day, by_status in zip(days, runs, strict=True)
    ]
    whole = Period(days[0].after, days[-1].before)
    everything = lists.runs(add_totals(one.total for one in sums), whole)
    return Daily(_lay_out(days, cells), cells, sums, everything)


def _failed_daily(lists: Lists, days: Sequence[Period], failed: Sequence[Total]) -> Daily:
    sums = [lists.steps(total, day) for day, total in zip(days, failed, strict=True)]
    cells = [{"failed": one} if one.total.n else {} for one in sums]
    whole = Period(days[0].after, days[-1].before)
    return Daily(_lay_out(days, cells), cells, sums, lists.steps(add_totals(failed), whole))


def _lay_out(days: Sequence[Period], cells: Sequence[Mapping[str, Linked]]) -> BarChart:
    counts = [{kind: cell.total.n for kind, cell in kinds.items()} for kinds in cells]
    return lay_out_bars([day.after.date() for day in days], counts)


def _kind_of(status: str) -> str:
    return status if status in RUN_KINDS else "other"
