"""List what people and scripts did, for admins."""

from flask import url_for
from flask.typing import ResponseReturnValue

from ..filters import AuditFilters
from ..models import Action
from ..queries.audit import count_audit_events, find_actors, find_audit_events
from . import bp
from .chips import find_chips
from .listing import Place, answer_list, exact_args, read_args, shown_values


@bp.get("/audit-events")
def list_audit_events() -> ResponseReturnValue:
    """List audit events, newest first."""
    args, is_exact = read_args()
    filters = AuditFilters.from_args(args, blank_is_absent=True)
    events = find_audit_events(filters)
    total = count_audit_events(filters)
    is_counted = is_exact and not total.is_exact
    if is_counted:
        total = count_audit_events(filters, exact=True)
    kept = exact_args(is_counted)
    return answer_list(
        "audit_events/list.html",
        "audit_events/_results.html",
        url_for("pages.list_audit_events", **kept, **filters.to_args()),
        filters,
        events=events,
        total=total,
        place=Place.of(filters, total, len(events), kept),
        chips=find_chips(filters),
        shown=shown_values(filters),
        actions=list(Action),
        actors=find_actors(),
    )
