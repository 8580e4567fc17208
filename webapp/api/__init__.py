"""Answer scripts: the documented Step Results API, and what is needed to walk the rest."""

from flask import Blueprint

from ..queries.state import keep_version

bp = Blueprint("api", __name__, url_prefix="/osm/api")
# A session lasts for one answer.
bp.before_request(keep_version)

from . import (  # noqa: E402
    audit_events,  # noqa: F401
    document,  # noqa: F401
    health,  # noqa: F401
    metrics,  # noqa: F401
    runs,  # noqa: F401
    sessions,  # noqa: F401
    sources,  # noqa: F401
    step_results,  # noqa: F401
)
