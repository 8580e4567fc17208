"""List the workflows and how their latest runs went."""

from urllib.parse import quote

from flask import render_template, request, url_for

from ..filters import NOT, ArgsReader
from ..queries.workflows import find_workflows
from . import bp

WORKFLOWS_PER_PAGE = 25


@bp.get("/workflows")
def list_workflows() -> str:
    """List the workflows, those with the newest runs first."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("offset",))
    offset = reader.integer("offset", 0)
    return render_template(
        "workflows/list.html",
        reader=reader,
        runs_of=runs_of,
        workflows=find_workflows(WORKFLOWS_PER_PAGE, offset),
        offset=offset,
        page_size=WORKFLOWS_PER_PAGE,
    )


def runs_of(workflow_name: str) -> str:
    """Return the address of the runs of a workflow; none of one without a name."""
    if not workflow_name:
        return ""
    # Twice: a name that begins with the mark of a contrary.
    value = NOT + workflow_name if workflow_name.startswith(NOT) else workflow_name
    return f"{url_for('pages.list_runs')}?workflow_name={quote(value)}"
