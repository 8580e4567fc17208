"""Let people change their own password."""

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..accounts import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    AccountError,
    change_own_password,
    end_other_sessions,
)
from ..logins import begin_session
from ..queries.sessions import find_sessions
from ..queries.users import get_user
from ..reauthentication import check_own_password, needs_password, require_password
from . import bp


@bp.get("/account/password")
def show_password() -> str:
    """Show the form."""
    return _draw()


@bp.post("/account/password")
def set_password() -> ResponseReturnValue:
    """Change one's password: every other session ends, this one begins anew."""
    old, new, again = (
        request.form.get(name, "") for name in ("old_password", "new_password", "password_again")
    )
    user = get_user(current_user.id)
    try:
        check_own_password(old, "old_password")
        change_own_password(user, old, new, again)
    except AccountError as error:
        return _draw(error)
    begin_session(user)
    flash("Your password is changed; you are logged out everywhere else.")
    return redirect(url_for("pages.show_password"), 303)


@bp.post("/account/other-sessions/end")
def end_sessions() -> ResponseReturnValue:
    """Log oneself out everywhere else."""
    try:
        require_password()
    except AccountError as error:
        return _draw(error)
    n_ended = end_other_sessions(current_user, g.session.id)
    flash(f"Logged out in {n_ended} other {'place' if n_ended == 1 else 'places'}.")
    return redirect(url_for("pages.show_password"), 303)


def _draw(error: AccountError | None = None) -> str:
    return render_template(
        "sessions/password.html",
        error=error,
        sessions=find_sessions(current_user.id),
        own_session=g.get("session"),
        asks_password=needs_password(),
        min_password=MIN_PASSWORD,
        max_password=MAX_PASSWORD,
    )
