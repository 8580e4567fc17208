"""Find audit events."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from ..extensions import db
from ..filters import AuditFilters
from ..models import AuditEvent
from .conditions import any_of, chosen
from .counts import Total, count_up_to


def find_audit_events(filters: AuditFilters) -> Sequence[AuditEvent]:
    """Return one page of audit events, in the order of the filters."""
    order = AuditEvent.id.desc() if filters.sort == "-id" else AuditEvent.id.asc()
    statement = select(AuditEvent).where(*_conditions(filters)).order_by(order)
    return db.session.scalars(statement.limit(filters.limit).offset(filters.offset)).all()


def count_audit_events(filters: AuditFilters, exact: bool = False) -> Total:
    """Count the audit events that the filters let through; all of them, where asked exactly."""
    return count_up_to(select(AuditEvent.id).where(*_conditions(filters)), exact)


def find_actors() -> Sequence[str]:
    """Return the names of all who ever did something, for a form to suggest."""
    statement = select(AuditEvent.actor).where(AuditEvent.actor != "").distinct()
    return db.session.scalars(statement.order_by(AuditEvent.actor).limit(200)).all()


def _conditions(filters: AuditFilters) -> list[ColumnElement[bool]]:
    conditions = []
    if filters.action:
        conditions.append(chosen(AuditEvent.action, filters.action))
    if filters.actor:
        conditions.append(any_of(AuditEvent.actor, filters.actor))
    if filters.created_after is not None:
        conditions.append(AuditEvent.created_at >= filters.created_after)
    if filters.created_before is not None:
        conditions.append(AuditEvent.created_at < filters.created_before)
    return conditions
