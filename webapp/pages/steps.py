"""List steps."""

from dataclasses import replace

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from ..filters import StepFilters
from ..models import Step, StepStatus, StepType
from ..queries.facets import find_step_facets
from ..queries.news import count_new_steps, find_last_id
from ..queries.step_totals import count_steps
from ..queries.steps import LIST_COLUMNS, find_steps
from . import bp
from .listing import answer_list, exact_args, list_context, read_args, read_news_args, says_news

# What went wrong first.
STATUSES = (
    StepStatus.FAILED,
    StepStatus.RUNNING,
    StepStatus.COMPLETED,
    StepStatus.SKIPPED,
    StepStatus.PENDING,
)
SORTS = {
    "": "newest first",
    "started_at": "oldest first",
    "-duration_ms": "longest first",
    "duration_ms": "shortest first",
    "step_name": "by name, A to Z",
    "-step_name": "by name, Z to A",
    "-id": "last imported first",
    "id": "first imported first",
}


@bp.get("/steps")
def list_steps() -> ResponseReturnValue:
    """List steps, newest first."""
    args, is_exact = read_args()
    filters = StepFilters.from_args(args, default_sort="-started_at", blank_is_absent=True)
    last_id = find_last_id(Step.id) if says_news(filters) else None
    steps = find_steps(filters, LIST_COLUMNS, exact=is_exact)
    facets = find_step_facets(filters)
    is_counted = is_exact and not facets.total.is_exact
    if is_counted:
        facets = replace(facets, total=count_steps(filters, exact=True))
    kept = exact_args(is_counted)
    return answer_list(
        "steps/list.html",
        "steps/_results.html",
        url_for("pages.list_steps", **kept, **filters.to_args()),
        filters,
        steps=steps,
        last_id=last_id,
        statuses=STATUSES,
        types=tuple(StepType),
        sorts=SORTS,
        **list_context(filters, facets, len(steps), kept),
    )


@bp.get("/new-steps")
def show_new_steps() -> str:
    """Say how many steps of a view came after a step; nothing when none did."""
    args, after = read_news_args()
    filters = StepFilters.from_args(args, default_sort="-started_at", blank_is_absent=True)
    total = count_new_steps(filters, after)
    return render_template(
        "_news.html", total=total, noun="step", endpoint="pages.list_steps", filters=filters
    )
