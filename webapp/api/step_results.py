"""Answer for steps, as ../shared/spec/step-results.md documents it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy import Row

from ..filters import StepFilters
from ..models import Step
from ..queries.conditions import Selected
from ..queries.sqlite_json import WrittenRows
from ..queries.step_totals import count_steps
from ..queries.steps import find_step_ids, find_steps, get_step, write_steps_page
from . import bp
from .asking import Asked, read_steps
from .describing import describe
from .json import STEP_KEYS, full_step_to_dict, json_response
from .pages import Page
from .resources import STEP_DETAILS, STEP_RESULT, one_of, rows_of
from .rows import RowWriter


@bp.get("/step-results")
@describe(
    rows_of(STEP_RESULT, has_fields=True, has_cursor=True),
    query=partial(read_steps, keys=STEP_KEYS),
    example="step-results",
    is_versioned=True,
)
def list_step_results(asked: Asked[StepFilters]) -> Response:
    """List steps, in ascending order of their ids unless `sort` says otherwise."""
    filters = asked.filters
    after_id = asked.cursor.after_id if asked.cursor else None

    def of_page(n: int) -> StepFilters:
        return filters if n == filters.limit else replace(filters, limit=n)

    def find_rows(n: int, columns: Sequence[Selected]) -> Sequence[Row[Any]]:
        return find_steps(of_page(n), columns, after_id, exact=True)

    def find_ids(n: int) -> Sequence[int]:
        return find_step_ids(of_page(n), after_id, exact=True)

    def write_rows(n: int) -> WrittenRows | None:
        return write_steps_page(of_page(n), asked.fields, after_id)

    def count() -> int:
        return count_steps(filters, exact=True).n

    writer = RowWriter(Step, asked.fields)
    return Page(asked, writer, find_rows, find_ids, count, write_rows).answer()


@bp.get("/step-results/<int:step_id>")
@describe(one_of(STEP_DETAILS), is_versioned=True)
def show_step_result(step_id: int) -> Response:
    """Show one step: the keys of the list first, then more."""
    step = get_step(step_id)
    return json_response(full_step_to_dict(step, step.run.run_uuid))
