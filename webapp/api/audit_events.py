"""Answer for audit events, to admins."""

from flask import Response, request

from ..filters import AuditFilters
from ..queries.audit import count_audit_events, find_audit_events
from . import bp
from .arguments import refuse
from .json import AUDIT_KEYS, list_response, rows_to_dicts


@bp.get("/audit-events")
def list_audit_events() -> Response:
    """List who did what, newest first."""
    filters = AuditFilters.from_args(request.args)
    refuse(filters.errors)
    events = find_audit_events(filters)
    total = count_audit_events(filters, exact=True).n
    return list_response(rows_to_dicts(events, AUDIT_KEYS), total, filters.offset, filters.limit)
