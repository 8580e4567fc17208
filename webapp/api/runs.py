"""Answer for runs and what belongs to them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy import Row

from ..filters import MAX_LIMIT, ListFilters, RunFilters
from ..models import Run, Step
from ..queries.conditions import Selected
from ..queries.counts import count_runs
from ..queries.distinct import find_workspace_names
from ..queries.runs import (
    count_artifacts_of_run,
    find_artifacts_of_run,
    find_run_rows,
    find_step_ids_of_run,
    find_steps_of_run,
    get_run,
)
from . import bp
from .asking import Asked, read_page, read_runs
from .describing import describe
from .json import (
    ARTIFACT_KEYS,
    RUN_KEYS,
    STEP_OF_RUN_KEYS,
    json_response,
    list_response,
    row_to_dict,
    rows_to_dicts,
)
from .pages import Page
from .paging import Paging
from .resources import ARTIFACT, RUN, STEP_OF_RUN, Answer, one_of, page_of, rows_of
from .rows import RowWriter

ALL_NAMES = partial(ListFilters.read_page, default_limit=MAX_LIMIT)


@bp.get("/runs")
@describe(rows_of(RUN, has_cursor=True), query=read_runs, is_versioned=True)
def list_runs(asked: Asked[RunFilters]) -> Response:
    """List runs, newest first unless `sort` says otherwise."""
    filters = asked.filters
    after_id = asked.cursor.after_id if asked.cursor else None

    def find_rows(n: int, columns: Sequence[Selected]) -> Sequence[Row[Any]]:
        return find_run_rows(replace(filters, limit=n), columns, after_id)

    def find_ids(n: int) -> Sequence[int]:
        return [row[0] for row in find_rows(n, (Run.id,))]

    def count() -> int:
        return count_runs(filters, exact=True).n

    return Page(asked, RowWriter(Run, RUN_KEYS), find_rows, find_ids, count).answer()


@bp.get("/runs/<string:run_key>")
@describe(one_of(RUN), is_versioned=True)
def show_run(run_key: str) -> Response:
    """Show a run, by its number or its UUID."""
    return json_response(row_to_dict(get_run(run_key), RUN_KEYS))


@bp.get("/runs/<string:run_key>/steps")
@describe(
    rows_of(STEP_OF_RUN, has_fields=True),
    query=partial(read_page, keys=STEP_OF_RUN_KEYS),
    is_versioned=True,
)
def list_steps_of_run(asked: Asked[ListFilters], run_key: str) -> Response:
    """List the steps of a run in the order of the run."""
    run = get_run(run_key)
    run_id, offset = run.id, asked.filters.offset

    def find_rows(n: int, columns: Sequence[Selected]) -> Sequence[Row[Any]]:
        return find_steps_of_run(run_id, columns, n, offset)

    def find_ids(n: int) -> Sequence[int]:
        return find_step_ids_of_run(run_id, n, offset)

    writer = RowWriter(Step, asked.fields, {"run_uuid": run.run_uuid})
    return Page(asked, writer, find_rows, find_ids, run.count_steps).answer()


@bp.get("/runs/<string:run_key>/artifacts")
@describe(rows_of(ARTIFACT), query=ListFilters.read_page, is_versioned=True)
def list_artifacts_of_run(page: ListFilters, run_key: str) -> Response:
    """List the files that a run left behind, in the order of import."""
    run = get_run(run_key)
    artifacts = find_artifacts_of_run(run.id, page.limit, page.offset)
    paging = Paging(count_artifacts_of_run(run.id), page.offset, page.limit)
    return list_response(rows_to_dicts(artifacts, ARTIFACT_KEYS), paging)


@bp.get("/workspace-names")
@describe(Answer("One page of them.", page_of({"type": "string"})), query=ALL_NAMES)
def list_workspace_names(page: ListFilters) -> Response:
    """List the names of the workspaces; all of them, unless `limit` asks for less."""
    names = find_workspace_names()
    data = names[page.offset : page.offset + page.limit]
    return list_response(data, Paging(len(names), page.offset, page.limit))
