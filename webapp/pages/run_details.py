"""Show one run: its facts, its steps on a time axis and in a table, what it left behind."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from ..columns import utc_now
from ..filters import ArgsReader
from ..formats import last_sign
from ..masking import named_values
from ..models import Run, RunStatus, Step
from ..queries.runs import (
    count_artifacts_of_run,
    count_recovered_steps,
    find_artifacts_of_run,
    find_last_failed_step,
    find_same_workflow,
    find_step_groups,
    find_steps_of_run,
    get_run,
)
from ..queries.steps import LIST_COLUMNS
from ..timeline import MAX_ROWS, GroupSpan, Timeline, lay_out
from . import bp

STEPS_PER_PAGE = 500
MAX_ARTIFACTS = 500


@bp.get("/runs/<int:run_id>")
def show_run(run_id: int) -> str:
    """Show a run and one page of its steps."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("offset",))
    offset = reader.integer("offset", 0)
    run = get_run(str(run_id))
    steps = find_steps_of_run(run.id, LIST_COLUMNS, STEPS_PER_PAGE, offset)
    timeline, grouped_by = _lay_out(run, steps)
    return render_template(
        "runs/show.html",
        run=run,
        steps=steps,
        total=run.count_steps(),
        timeline=timeline,
        grouped_by=grouped_by,
        failed_step=find_last_failed_step(run.id) if run.steps_failed else None,
        recovered=count_recovered_steps(run.id),
        artifacts=find_artifacts_of_run(run.id, MAX_ARTIFACTS),
        artifact_total=count_artifacts_of_run(run.id),
        params=named_values(run.params),
        previous_id=find_same_workflow(run, forward=False),
        next_id=find_same_workflow(run, forward=True),
        reader=reader,
        offset=offset,
        page_size=STEPS_PER_PAGE,
    )


@bp.get("/runs/<uuid:run_uuid>")
def show_run_of_uuid(run_uuid: UUID) -> ResponseReturnValue:
    """Lead from the UUID that Osmedeus knows a run by to its page."""
    return redirect(url_for("pages.show_run", run_id=get_run(str(run_uuid)).id))


def _lay_out(run: Run, steps: Sequence[Row[Any]]) -> tuple[Timeline | None, str]:
    """Return the timeline, and what its rows are grouped by when there are too many steps."""
    if run.count_steps() <= MAX_ROWS:
        return lay_out(steps, run.started_at, _last_known(run)), ""
    grouped_by, column = "module", Step.module_name
    groups = find_step_groups(run.id, column, MAX_ROWS)
    if len(groups) < 2:
        grouped_by, column = "name", Step.step_name
        groups = find_step_groups(run.id, column, MAX_ROWS)
    spans = [GroupSpan(*group) for group in groups]
    return lay_out(spans, run.started_at, _last_known(run)), grouped_by


def _last_known(run: Run) -> datetime:
    if run.status == RunStatus.RUNNING and not last_sign(run):
        return utc_now()
    return run.completed_at or run.updated_at
