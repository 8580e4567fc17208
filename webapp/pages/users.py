"""Let an admin add, change and disable users."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from ..accounts import (
    MAX_NAME,
    MAX_PASSWORD,
    MIN_PASSWORD,
    AccountError,
    add_account,
    change_password,
    change_role,
    change_state,
    make_up_password,
)
from ..models import Role, User
from ..queries.users import count_tokens, find_users_with_tokens, get_user
from ..reauthentication import needs_password, require_password
from . import bp

NOT_ONESELF = "You cannot {} yourself; another admin can."
LIMITS = {"max_name": MAX_NAME, "min_password": MIN_PASSWORD, "max_password": MAX_PASSWORD}


@bp.get("/users")
def list_users() -> str:
    """List all users."""
    return _draw_list()


@bp.post("/users")
def add_user() -> ResponseReturnValue:
    """Add a user; a password that was made up stands in this answer, and nowhere again."""
    username = request.form.get("username", "").strip()
    given = request.form.get("password", "")
    password = given or make_up_password()
    try:
        _refuse_lost_password(given)
        require_password()
        user_id = add_account(username, _read_role(), password)
    except AccountError as error:
        return _draw_list(error=error, values=request.form, typed=_has_typed(given))
    if not given:
        return _draw_list(made_up=password, made_for=username)
    flash(f"Added {username}.")
    return _led_to(user_id)


@bp.get("/users/<int:user_id>")
def show_user(user_id: int) -> str:
    """Show a user and what can be changed of one."""
    return _draw(get_user(user_id))


@bp.post("/users/<int:user_id>/role")
def set_user_role(user_id: int) -> ResponseReturnValue:
    """Make a user an admin or a viewer."""
    user = get_user(user_id)
    try:
        role = _read_role()
        if user.id == current_user.id and role != Role.ADMIN:
            raise AccountError("role", NOT_ONESELF.format("demote"))
        if role == Role.ADMIN and user.role != Role.ADMIN:
            require_password("own_password_for_role")
        change_role(user_id, role)
    except AccountError as error:
        return _draw(user, error=error)
    flash(f"{user.username} is {'an' if role == Role.ADMIN else 'a'} {role} now.")
    return _led_to(user_id)


@bp.post("/users/<int:user_id>/state")
def set_user_state(user_id: int) -> ResponseReturnValue:
    """Let a user in or keep them out, at once: sessions and tokens too."""
    user = get_user(user_id)
    state = request.form.get("state", "")
    try:
        if state not in ("active", "disabled"):
            raise AccountError("state", "Choose one of active, disabled.")
        if user.id == current_user.id and state == "disabled":
            raise AccountError("state", NOT_ONESELF.format("disable"))
        if state == "active" and not user.is_active:
            require_password("own_password_for_state")
        change_state(user_id, state == "active")
    except AccountError as error:
        return _draw(user, error=error)
    flash(f"{user.username} is {state} now.")
    return _led_to(user_id)


@bp.post("/users/<int:user_id>/password")
def set_user_password(user_id: int) -> ResponseReturnValue:
    """Give a user another password; one that was made up stands in this answer alone."""
    user = get_user(user_id)
    given = request.form.get("password", "")
    password = given or make_up_password()
    try:
        if user.id == current_user.id:
            raise AccountError("password", "Change your own password on its own page.")
        # A form that is sent again, by a reload say, must not change the new password.
        if request.form.get("seen") != user.get_id():
            raise AccountError("password", "The password was changed since this form was shown.")
        _refuse_lost_password(given)
        require_password()
        change_password(user_id, password)
    except AccountError as error:
        return _draw(user, error=error, typed=_has_typed(given))
    if not given:
        return _draw(user, made_up=password)
    flash(f"{user.username} has another password now.")
    return _led_to(user_id)


def _has_typed(given: str) -> bool:
    """Tell whether a password was typed, now or before the form came back with an error."""
    return bool(given or request.form.get("typed"))


def _refuse_lost_password(given: str) -> None:
    """Refuse to make a password up in place of one that was typed and is never sent back."""
    if not given and request.form.get("typed"):
        raise AccountError("password", "Type the password again; it is not sent back to this page.")


def _draw_list(**context: Any) -> str:
    users = find_users_with_tokens()
    return render_template(
        "users/list.html",
        users=users,
        roles=list(Role),
        asks_password=needs_password(),
        **LIMITS,
        **context,
    )


def _draw(user: User, **context: Any) -> str:
    return render_template(
        "users/show.html",
        user=user,
        n_tokens=count_tokens(user.id),
        is_self=user.id == current_user.id,
        asks_password=needs_password(),
        **LIMITS,
        **context,
    )


def _led_to(user_id: int) -> Response:
    return redirect(url_for("pages.show_user", user_id=user_id), 303)


def _read_role() -> Role:
    try:
        return Role(request.form.get("role", Role.VIEWER))
    except ValueError:
        raise AccountError("role", f"Choose one of {', '.join(Role)}.") from None
