"""Ask for the password again before new credentials are made in a session of a while ago."""

from datetime import timedelta

from flask import g, request
from flask_login import current_user

from .accounts import AccountError
from .audit import record_alone
from .columns import utc_now
from .models import Action
from .passwords import is_password
from .throttling import forgive_tries, limit_tries_of_own

# For so long after a login the session alone is enough.
FRESH_FOR = timedelta(minutes=10)
FIELD = "own_password"


def needs_password() -> bool:
    """Tell whether the session at hand began too long ago to do without the password."""
    return "session" in g and utc_now() - g.session.created_at > FRESH_FOR


def require_password(field: str = FIELD) -> None:
    """Raise AccountError unless the login was a moment ago or the form has the right password."""
    if not needs_password():
        return
    given = request.form.get(field, "")
    if not given:
        raise AccountError(field, "You logged in a while ago: type your password, and send again.")
    check_own_password(given, field)


def check_own_password(given: str, field: str) -> None:
    """Raise AccountError, and record it, unless this is the password of who is signed in.

    So many tries only: whoever has stolen a session must not find out the password.
    """
    with limit_tries_of_own:
        is_right = is_password(current_user.password_hash, given)
    if not is_right:
        record_alone(Action.PASSWORD_REFUSED, current_user.username)
        raise AccountError(field, "This is not your password.")
    forgive_tries()
