"""Draw the front page: what failed, what runs now, how the workflows do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import render_template, url_for
from sqlalchemy import Row

from ..charts import BarChart, lay_out_bars
from ..columns import this_minute, utc_now
from ..filters import NOT, RunFilters, StepFilters
from ..models import Run, RunStatus, StepStatus
from ..periods import DAY, Period
from ..queries.counts import Total, count_by_kept_counts, count_runs
from ..queries.daily import add_totals, count_failed_steps_by, count_runs_by
from ..queries.failures import (
    ENDED_BADLY,
    find_failed_steps,
    find_failure_groups,
    find_runs_that_failed_alone,
    last_sign_of,
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
# The filter of the lists that the newest failures are linked to.
LATEST = {"ended": "24h"}
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

    def steps(self, total: Total, times: Mapping[str, str]) -> Linked:
        """Link a number of failed steps; `times` are filters."""
        args = {"status": StepStatus.FAILED.value, **times}
        return Linked(total, f"{self.steps_path}?{urlencode(args)}")

    def runs(self, total: Total, times: Mapping[str, str], status: Sequence[str] = ()) -> Linked:
        """Link a number of runs."""
        args = {"status": status, **times}
        return Linked(total, f"{self.runs_path}?{urlencode(args, doseq=True)}")


class Failure(NamedTuple):
    """What failed: a step, or a run of which no step did; when it did, or was heard of last."""

    at: datetime
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
    # What is counted since a minute is counted once in it.
    now = this_minute()
    workflows = find_workflows(MAX_WORKFLOWS)
    if not workflows.n:
        return render_template("overview/fresh.html")
    lists = Lists(url_for("pages.list_steps"), url_for("pages.list_runs"))
    latest, days = Period.since(now - DAY), Period.days(DAYS, now)
    *failed_by_day, failed = count_failed_steps_by((*days, latest))
    failures = _failures(lists, latest, failed)
    return render_template(
        "overview/show.html",
        now=utc_now(),
        **failures,
        wider=None if failures["failures"] else _wider(lists, days, failed_by_day),
        **_running(lists),
        run_kinds=tuple(RUN_KINDS),
        runs_daily=_runs_daily(lists, days, count_runs_by(tuple(days))),
        failed_daily=_failed_daily(lists, days, failed_by_day),
        workflows=workflows,
        runs_of=runs_of,
        longest_seen=LONGEST_SEEN,
        latest_seen=LATEST_SEEN,
        slow_steps=find_slow_steps(Period.since(now - WEEK), MAX_SLOW),
    )


def _failures(lists: Lists, period: Period, failed: Total) -> dict[str, Any]:
    """Return what failed in a period: the newest of it, its numbers, its groups."""
    steps = find_failed_steps(period, MAX_FAILURES)
    runs = find_runs_that_failed_alone(period, MAX_FAILURES)
    failures = [Failure(last_sign_of(row)[0], True, row) for row in steps]
    failures += [Failure(last_sign_of(row)[0], False, row) for row in runs]
    failures.sort(key=lambda failure: failure.at, reverse=True)
    (ended,) = count_runs_by((period,), Run.completed_at)
    return {
        "failures": failures[:MAX_FAILURES],
        "failed_period": period,
        "failed_steps": lists.steps(failed, LATEST),
        "bad_runs": {
            status.value: lists.runs(ended[status], LATEST, (status.value,))
            for status in ENDED_BADLY
            if status in ended
        },
        "groups": find_failure_groups(period, failed, MAX_GROUPS) if failed.n else None,
    }


def _wider(lists: Lists, days: Sequence[Period], failed: Sequence[Total]) -> dict[str, Any]:
    """Return the failures of the nearest longer time that has some; all on record at last."""
    lengths = (7, DAYS)
    periods = tuple(Period(days[-n].after, days[-1].before) for n in lengths)
    by_period = count_runs_by(periods, Run.completed_at)
    for n_days, period, runs in zip(lengths, periods, by_period, strict=True):
        times = period.to_args("ended")
        steps = lists.steps(add_totals(failed[-n_days:]), times)
        bad = add_totals(runs[status] for status in ENDED_BADLY if status in runs)
        if steps.total.n or bad.n:
            ended_badly = lists.runs(bad, times, tuple(map(str, ENDED_BADLY)))
            return {"when": f"In the last {n_days} UTC days", "steps": steps, "runs": ended_badly}
    on_record = Total(count_by_kept_counts(StepFilters(status=(StepStatus.FAILED.value,))))
    return {"when": "On record", "steps": lists.steps(on_record, {})}


def _running(lists: Lists) -> dict[str, Any]:
    runs = find_running_runs(MAX_RUNNING)
    status = (RunStatus.RUNNING.value,)
    total = count_runs(RunFilters(status=status)) if len(runs) == MAX_RUNNING else Total(len(runs))
    return {
        "running": runs,
        "running_total": lists.runs(total, {}, status),
        "at_work": find_steps_at_work([run.id for run in runs]),
    }


def _runs_daily(lists: Lists, days: Sequence[Period], runs: Sequence[Mapping[str, Total]]) -> Daily:
    cells = []
    for day, by_status in zip(days, runs, strict=True):
        kinds: dict[str, Linked] = {}
        for kind, status in RUN_KINDS.items():
            totals = [n for name, n in by_status.items() if _kind_of(name) == kind]
            if totals:
                kinds[kind] = lists.runs(add_totals(totals), day.to_args("started"), status)
        cells.append(kinds)
    sums = [
        lists.runs(add_totals(by_status.values()), day.to_args("started"))
        for day, by_status in zip(days, runs, strict=True)
    ]
    whole = Period(days[0].after, days[-1].before).to_args("started")
    everything = lists.runs(add_totals(one.total for one in sums), whole)
    return Daily(_lay_out(days, cells), cells, sums, everything)


def _failed_daily(lists: Lists, days: Sequence[Period], failed: Sequence[Total]) -> Daily:
    sums = [
        lists.steps(total, day.to_args("ended")) for day, total in zip(days, failed, strict=True)
    ]
    cells = [{"failed": one} if one.total.n else {} for one in sums]
    whole = Period(days[0].after, days[-1].before).to_args("ended")
    return Daily(_lay_out(days, cells), cells, sums, lists.steps(add_totals(failed), whole))


def _lay_out(days: Sequence[Period], cells: Sequence[Mapping[str, Linked]]) -> BarChart:
    counts = [{kind: cell.total.n for kind, cell in kinds.items()} for kinds in cells]
    return lay_out_bars([day.after.date() for day in days], counts)


def _kind_of(status: str) -> str:
    return status if status in RUN_KINDS else "other"
