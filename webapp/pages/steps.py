"""List steps."""

from flask import Response, request, url_for

from ..filters import StepFilters
from ..models import StepStatus
from ..queries.distinct import find_workspace_names
from ..queries.facets import StepFacets
from ..queries.steps import LIST_COLUMNS, find_names, find_steps
from ..rendering import render_page
from . import bp
from .listing import list_context

CONTROLS = ("step_name", "step_type", "workspace", "run_id")
# What went wrong first.
STATUSES = (
    StepStatus.FAILED,
    StepStatus.RUNNING,
    StepStatus.COMPLETED,
    StepStatus.SKIPPED,
    StepStatus.PENDING,
)


@bp.get("/steps")
def list_steps() -> Response:
    """List steps, newest first."""
    filters = StepFilters.from_args(request.args, default_sort="-id", blank_is_absent=True)
    names = find_names(filters)
    steps = find_steps(filters, LIST_COLUMNS, names)
    facets = StepFacets.of(filters, names)
    return render_page(
        "steps/list.html",
        "steps/_results.html",
        own_url=url_for("pages.list_steps", **filters.to_args()),
        steps=steps,
        statuses=STATUSES,
        find_workspace_names=find_workspace_names,
        **list_context(filters, facets, len(steps), CONTROLS),
    )
