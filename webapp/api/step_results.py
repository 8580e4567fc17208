"""Answer for steps, as ../shared/spec/step-results.md documents it."""

from flask import Response

from ..filters import StepFilters
from ..queries.steps import API_COLUMNS, count_steps, find_steps, get_step
from . import bp
from .describing import describe
from .json import (
    STEP_DETAIL_KEYS,
    STEP_KEYS,
    STEP_MORE_KEYS,
    full_step_to_dict,
    json_response,
    list_response,
    rows_to_dicts,
)
from .resources import STEP_DETAILS, STEP_RESULT, one_of, rows_of


@bp.get("/step-results")
@describe(rows_of(STEP_RESULT), query=StepFilters.read, example="step-results")
def list_step_results(filters: StepFilters) -> Response:
    """List steps, in ascending order of their ids unless `sort` says otherwise."""
    rows = find_steps(filters, API_COLUMNS)
    total = count_steps(filters, exact=True).n
    return list_response(rows_to_dicts(rows, STEP_KEYS), total, filters.offset, filters.limit)


@bp.get("/step-results/<int:step_id>")
@describe(one_of(STEP_DETAILS))
def show_step_result(step_id: int) -> Response:
    """Show one step: the keys of the list first, then more."""
    step = get_step(step_id)
    more_keys = (*STEP_MORE_KEYS, *STEP_DETAIL_KEYS)
    return json_response(full_step_to_dict(step, step.run.run_uuid, more_keys))
