"""Record who did what, from where and by which means, in the transaction that does it."""

import getpass
from typing import Any

from flask import g, has_request_context, request
from flask_login import current_user

from .extensions import db
from .models import Action, AuditEvent, User
from .queries.users import find_user_named
from .request_ids import current_request_id
from .transactions import writing

# Longer texts tell nothing more; what was typed as a name can be anything.
MAX_TEXT = 200
SESSION = "session"
COMMAND_LINE = "command line"
UNKNOWN_NAME = "(unknown name)"


def record(action: Action, subject: str = "", by: User | None = None, **details: Any) -> None:
    """Add an event to the transaction at hand; `by` tells who it was, where nobody is signed in."""
    event = AuditEvent(action=action, subject=_cut(subject), details=details or None)
    if has_request_context():
        _sign_request(event, by)
    else:
        event.actor, event.actor_id = _account_of_system(), None
        event.means, event.address, event.request_id = COMMAND_LINE, "", ""
    db.session.add(event)


def record_alone(action: Action, subject: str = "", **details: Any) -> None:
    """Record an event of which nothing else is written."""
    with writing():
        record(action, subject, **details)


def known_name(username: str) -> str:
    """Return what is kept of a name that was typed: people type passwords there too."""
    return username if find_user_named(username) else UNKNOWN_NAME


def _sign_request(event: AuditEvent, by: User | None) -> None:
    user = by or (current_user if current_user.is_authenticated else None)
    event.actor, event.actor_id = (user.username, user.id) if user else ("", None)
    event.means = f"token {g.token.name}" if "token" in g else SESSION if user else ""
    event.address = request.remote_addr or ""
    event.request_id = current_request_id()


def _account_of_system() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # No such account: a container with a bare number.
        return ""


def _cut(text: str) -> str:
    text = text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
