"""Answer for steps, as ../shared/spec/step-results.md documents it."""

from flask import Response, request

from ..filters import StepFilters
from ..queries.steps import API_COLUMNS, count_steps, find_steps, get_step
from . import bp
from .arguments import refuse, refuse_parameters
from .json import (
    STEP_DETAIL_KEYS,
    STEP_KEYS,
    STEP_MORE_KEYS,
    full_step_to_dict,
    json_response,
    list_response,
    rows_to_dicts,
)


@bp.get("/step-results")
def list_step_results() -> Response:
    """List steps: the documented filters, order, keys and pagination."""
    filters = StepFilters.from_args(request.args)
    refuse(filters.errors)
    rows = find_steps(filters, API_COLUMNS)
    total = count_steps(filters, exact=True).n
    return list_response(rows_to_dicts(rows, STEP_KEYS), total, filters.offset, filters.limit)


@bp.get("/step-results/<int:step_id>")
def show_step_result(step_id: int) -> Response:
    """Show one step: the documented keys first, then ours."""
    refuse_parameters()
    step = get_step(step_id)
    more_keys = (*STEP_MORE_KEYS, *STEP_DETAIL_KEYS)
    return json_response(full_step_to_dict(step, step.run.run_uuid, more_keys))
