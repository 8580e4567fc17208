"""Let people change their own password."""

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from ..accounts import MAX_PASSWORD, MIN_PASSWORD, AccountError, change_own_password
from ..queries.users import get_user
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
        change_own_password(user, old, new, again)
    except AccountError as error:
        return _draw(error)
    session.clear()
    session.permanent = True
    login_user(user)
    flash("Your password is changed; you are logged out everywhere else.")
    return redirect(url_for("pages.show_password"), 303)


def _draw(error: AccountError | None = None) -> str:
    return render_template(
        "sessions/password.html",
        error=error,
        min_password=MIN_PASSWORD,
        max_password=MAX_PASSWORD,
    )
