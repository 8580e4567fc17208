"""List what failed alike in a period of time."""

from datetime import UTC, datetime

from flask import render_template, request

from ..columns import utc_now
from ..filters import ArgsReader
from ..periods import DAY, NEVER, Period
from ..queries.daily import count_failed_steps_by
from ..queries.failures import (
    count_steps_failed_alike,
    find_failure_groups,
    find_steps_failed_alike,
)
from ..queries.steps import get_step
from . import bp

MAX_GROUPS = 500
STEPS_PER_PAGE = 100
TIMES = ("ended_after", "ended_before")
EARLIEST = datetime.min.replace(tzinfo=UTC)


@bp.get("/failure-groups")
def list_failure_groups() -> str:
    """List the groups of failed steps that have the same name and the same line."""
    reader = _reader(*TIMES)
    asked = _period(reader)
    (total,) = count_failed_steps_by((asked,))
    groups = find_failure_groups(asked, total, MAX_GROUPS)
    return render_template(
        "failure_groups/list.html", reader=reader, groups=groups, asked=asked, total=total
    )


@bp.get("/failure-groups/<int:step_id>")
def show_failure_group(step_id: int) -> str:
    """List the steps that failed as this one did."""
    reader = _reader(*TIMES, "offset")
    period, offset = _period(reader), reader.integer("offset", 0)
    step = get_step(step_id)
    return render_template(
        "failure_groups/show.html",
        reader=reader,
        step=step,
        period=period,
        total=count_steps_failed_alike(step, period),
        steps=find_steps_failed_alike(step, period, STEPS_PER_PAGE, offset),
        offset=offset,
        page_size=STEPS_PER_PAGE,
    )


def _reader(*known: str) -> ArgsReader:
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(known)
    return reader


def _period(reader: ArgsReader) -> Period:
    """Return the period asked for; without its beginning, a day."""
    after, before = (reader.time(name) for name in TIMES)
    end = before or utc_now()
    return Period(after or max(end, EARLIEST + DAY) - DAY, before or NEVER)
