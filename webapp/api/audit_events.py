"""Answer for audit events, to admins."""

from flask import Response

from ..filters import AuditFilters
from ..queries.audit import count_audit_events, find_audit_events
from . import bp
from .describing import describe
from .json import AUDIT_KEYS, list_response, rows_to_dicts
from .paging import Paging
from .resources import AUDIT_EVENT, rows_of


@bp.get("/audit-events")
@describe(rows_of(AUDIT_EVENT), query=AuditFilters.read)
def list_audit_events(filters: AuditFilters) -> Response:
    """List who did what, newest first unless `sort` says otherwise."""
    events = find_audit_events(filters)
    total = count_audit_events(filters, exact=True).n
    paging = Paging(total, filters.offset, filters.limit)
    return list_response(rows_to_dicts(events, AUDIT_KEYS), paging)
