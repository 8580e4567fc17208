"""Log people in and out."""

from urllib.parse import urlsplit

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..audit import known_name, record_alone
from ..auth import find_user, is_own_path
from ..logins import begin_session, end_session
from ..models import Action
from ..throttling import forgive_tries, limit_tries
from . import bp


@bp.route("/login", methods=["GET", "POST"])
@limit_tries
def login() -> ResponseReturnValue:
    """Show the form; sign in who knows a password, and lead to where they wanted to go."""
    if current_user.is_authenticated:
        return redirect(_wanted_path())
    if request.method == "GET":
        return render_template("sessions/login.html", next=_wanted_path(), username="")
    username = request.form.get("username", "").strip()
    user = find_user(username, request.form.get("password", ""))
    if user is None:
        record_alone(Action.LOGIN_REFUSED, known_name(username))
        return render_template(
            "sessions/login.html", next=_wanted_path(), username=username, is_refused=True
        )
    forgive_tries()
    begin_session(user)
    return redirect(_wanted_path())


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session."""
    end_session(current_user)
    return redirect(url_for("pages.login"))


def _wanted_path() -> str:
    path = request.values.get("next", "")
    is_page = is_own_path(path) and _is_readable(path)
    return path if is_page else url_for("pages.show_overview")


def _is_readable(path: str) -> bool:
    """Tell whether a path leads to something that a browser can open."""
    adapter = current_app.create_url_adapter(request)
    own_path = urlsplit(path).path.removeprefix(request.script_root)
    return adapter is not None and adapter.test(own_path, method="GET")
