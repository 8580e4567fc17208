"""Show the runs that were started together."""

from flask import render_template, request

from ..filters import ArgsReader, RunFilters
from ..queries.run_groups import get_run_group
from ..queries.runs import find_runs
from ..queries.usual import find_usual_durations
from . import bp

RUNS_PER_PAGE = 100


@bp.get("/run-groups/<path:run_group_id>")
def show_run_group(run_group_id: str) -> str:
    """Show the totals of a group and one page of its runs."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("offset",))
    offset = reader.integer("offset", 0)
    group = get_run_group(run_group_id)
    filters = RunFilters(
        run_group_id=(group.id,), sort="id", default_sort="-id", offset=offset, limit=RUNS_PER_PAGE
    )
    runs = find_runs(filters)
    return render_template(
        "run_groups/show.html",
        group=group,
        runs=runs,
        usual=find_usual_durations(run.workflow_name for run in runs),
        filters=filters,
        reader=reader,
    )
