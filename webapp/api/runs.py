"""Answer for runs and what belongs to them."""

from functools import partial

from flask import Response

from ..filters import MAX_LIMIT, ListFilters, RunFilters
from ..queries.counts import count_runs
from ..queries.distinct import find_workspace_names
from ..queries.runs import (
    count_artifacts_of_run,
    find_artifacts_of_run,
    find_runs,
    find_steps_of_run,
    get_run,
)
from ..queries.steps import FULL_COLUMNS
from . import bp
from .describing import describe
from .json import (
    ARTIFACT_KEYS,
    RUN_KEYS,
    full_step_to_dict,
    json_response,
    list_response,
    row_to_dict,
    rows_to_dicts,
)
from .resources import ARTIFACT, RUN, STEP_OF_RUN, Answer, one_of, page_of, rows_of

ALL_NAMES = partial(ListFilters.read_page, default_limit=MAX_LIMIT)


@bp.get("/runs")
@describe(rows_of(RUN), query=RunFilters.read)
def list_runs(filters: RunFilters) -> Response:
    """List runs, newest first unless `sort` says otherwise."""
    runs = find_runs(filters)
    total = count_runs(filters, exact=True).n
    return list_response(rows_to_dicts(runs, RUN_KEYS), total, filters.offset, filters.limit)


@bp.get("/runs/<string:run_key>")
@describe(one_of(RUN))
def show_run(run_key: str) -> Response:
    """Show a run, by its number or its UUID."""
    return json_response(row_to_dict(get_run(run_key), RUN_KEYS))


@bp.get("/runs/<string:run_key>/steps")
@describe(rows_of(STEP_OF_RUN), query=ListFilters.read_page)
def list_steps_of_run(page: ListFilters, run_key: str) -> Response:
    """List the steps of a run in the order of the run."""
    run = get_run(run_key)
    steps = find_steps_of_run(run.id, FULL_COLUMNS, page.limit, page.offset)
    data = [full_step_to_dict(step, run.run_uuid) for step in steps]
    return list_response(data, run.count_steps(), page.offset, page.limit)


@bp.get("/runs/<string:run_key>/artifacts")
@describe(rows_of(ARTIFACT), query=ListFilters.read_page)
def list_artifacts_of_run(page: ListFilters, run_key: str) -> Response:
    """List the files that a run left behind, in the order of import."""
    run = get_run(run_key)
    artifacts = find_artifacts_of_run(run.id, page.limit, page.offset)
    total = count_artifacts_of_run(run.id)
    return list_response(rows_to_dicts(artifacts, ARTIFACT_KEYS), total, page.offset, page.limit)


@bp.get("/workspace-names")
@describe(Answer("One page of them.", page_of({"type": "string"})), query=ALL_NAMES)
def list_workspace_names(page: ListFilters) -> Response:
    """List the names of the workspaces; all of them, unless `limit` asks for less."""
    names = find_workspace_names()
    data = names[page.offset : page.offset + page.limit]
    return list_response(data, len(names), page.offset, page.limit)
