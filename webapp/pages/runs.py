"""List runs."""

from flask import Response, request, url_for

from ..filters import RunFilters
from ..models import RunStatus
from ..queries.distinct import find_workflow_names, find_workspace_names
from ..queries.facets import RunFacets
from ..queries.runs import find_runs
from ..rendering import render_page
from . import bp
from .listing import list_context

CONTROLS = ("workflow_name", "target", "workspace")
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


@bp.get("/runs")
def list_runs() -> Response:
    """List runs, newest first."""
    filters = RunFilters.from_args(request.args, blank_is_absent=True)
    runs = find_runs(filters)
    facets = RunFacets.of(filters)
    return render_page(
        "runs/list.html",
        "runs/_results.html",
        own_url=url_for("pages.list_runs", **filters.to_args()),
        runs=runs,
        statuses=STATUSES,
        find_workflow_names=find_workflow_names,
        find_workspace_names=find_workspace_names,
        **list_context(filters, facets, len(runs), CONTROLS),
    )
