"""Draw the pages and their fragments."""

from flask import Blueprint

from ..queries.state import keep_state

bp = Blueprint("pages", __name__)
# A session lasts for one answer.
bp.before_request(keep_state)

from . import (  # noqa: E402
    account,  # noqa: F401
    api_docs,  # noqa: F401
    audit_events,  # noqa: F401
    failure_groups,  # noqa: F401
    overview,  # noqa: F401
    run_comparisons,  # noqa: F401
    run_details,  # noqa: F401
    run_groups,  # noqa: F401
    run_live,  # noqa: F401
    runs,  # noqa: F401
    sessions,  # noqa: F401
    sources,  # noqa: F401
    step_details,  # noqa: F401
    step_outputs,  # noqa: F401
    step_peeks,  # noqa: F401
    steps,  # noqa: F401
    suggestions,  # noqa: F401
    tokens,  # noqa: F401
    users,  # noqa: F401
    workflows,  # noqa: F401
)
