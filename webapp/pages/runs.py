"""List runs."""

from dataclasses import replace

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from ..filters import RunFilters
from ..models import Run, RunStatus
from ..queries.counts import count_runs
from ..queries.facets import find_run_facets
from ..queries.news import count_new_runs, find_last_id
from ..queries.runs import find_runs
from ..queries.usual import find_usual_durations
from . import bp
from .listing import answer_list, exact_args, list_context, read_args, read_news_args, says_news

# What went wrong first.
STATUSES = (
    RunStatus.FAILED,
    RunStatus.RUNNING,
    RunStatus.COMPLETED,
    RunStatus.CANCELLED,
    RunStatus.QUEUED,
    RunStatus.PENDING,
    RunStatus.WEBHOOK,
    RunStatus.UNKNOWN,
)
SORTS = {
    "": "newest first",
    "created_at": "oldest first",
    "-started_at": "latest start first",
    "started_at": "earliest start first",
    "-duration_ms": "longest first",
    "duration_ms": "shortest first",
    "workflow_name": "by workflow, A to Z",
    "-workflow_name": "by workflow, Z to A",
    "-id": "highest number first",
    "id": "lowest number first",
}


@bp.get("/runs")
def list_runs() -> ResponseReturnValue:
    """List runs, newest first."""
    args, is_exact = read_args()
    filters = RunFilters.from_args(args, default_sort="-created_at", blank_is_absent=True)
    last_id = find_last_id(Run.id) if says_news(filters) else None
    runs = find_runs(filters)
    facets = find_run_facets(filters)
    is_counted = is_exact and not facets.total.is_exact
    if is_counted:
        facets = replace(facets, total=count_runs(filters, exact=True))
    kept = exact_args(is_counted)
    return answer_list(
        "runs/list.html",
        "runs/_results.html",
        url_for("pages.list_runs", **kept, **filters.to_args()),
        filters,
        runs=runs,
        usual=find_usual_durations(run.workflow_name for run in runs),
        last_id=last_id,
        statuses=STATUSES,
        sorts=SORTS,
        **list_context(filters, facets, len(runs), kept),
    )


@bp.get("/new-runs")
def show_new_runs() -> str:
    """Say how many runs of a view came after a run; nothing when none did."""
    args, after = read_news_args()
    filters = RunFilters.from_args(args, default_sort="-created_at", blank_is_absent=True)
    total = count_new_runs(filters, after)
    return render_template(
        "_news.html", total=total, noun="run", endpoint="pages.list_runs", filters=filters
    )
