"""Make, list and revoke tokens."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from .. import accounts
from ..accounts import MAX_NAME, MAX_PASSWORD, AccountError
from ..columns import utc_now
from ..filters import ArgsReader
from ..models import Person, Scope
from ..queries.users import MAX_TOKENS, count_tokens, find_latest_tokens, get_token, get_user
from ..reauthentication import needs_password, require_password
from . import bp

# What the form offers; "date" reads the field beside it.
EXPIRIES = (
    ("30", "in 30 days"),
    ("90", "in 90 days"),
    ("365", "in 1 year"),
    ("date", "on a date"),
    ("never", "never"),
)
DEFAULT_EXPIRY = "90"
LONGEST = timedelta(days=3650)
EVERYONE = "all"


class Asked(NamedTuple):
    """Whose tokens a query string asks for; without an owner, everyone's."""

    reader: ArgsReader
    owner: Person | None


@bp.get("/tokens")
def list_tokens() -> str:
    """List one's own tokens; for an admin those of another user or of everyone too."""
    return _draw(_read_asked())


@bp.post("/tokens")
def add_token() -> ResponseReturnValue:
    """Make a token; this answer shows it, and nothing does again.

    It stands in the answer itself: a redirect would have to carry it in an address or a cookie.
    No cache keeps the answer. A reload asks before it sends the form again, and is refused then,
    as the name is taken.
    """
    # First: it may answer 404, and a token would be made that nobody sees.
    asked = _read_asked()
    name = request.form.get("name", "").strip()
    try:
        require_password()
        token = accounts.add_token(
            current_user, name, _read_expiry(request.form), _read_scope(request.form)
        )
    except AccountError as error:
        return _draw(asked, error=error, values=request.form)
    return _draw(asked, token=token, token_name=name)


@bp.post("/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Make a token useless at once: one's own, for an admin anybody's."""
    token = get_token(token_id, None if current_user.is_admin else current_user.id)
    name = token.name
    accounts.revoke_token(token.id)
    flash(f"Revoked {name}: it is refused from now on.")
    user_id = request.form.get("user_id", "")
    return redirect(url_for("pages.list_tokens", user_id=user_id or None), 303)


def _read_asked() -> Asked:
    """Read whose tokens are asked for; answer 404 for somebody who is not there."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    user_id = _read_owner(reader)
    if user_id is None:
        return Asked(reader, None)
    # Itself: each look through the proxy costs.
    own = current_user._get_current_object()
    return Asked(reader, own if user_id == own.id else get_user(user_id))


def _draw(asked: Asked, **context: Any) -> str:
    owner = asked.owner
    user_id = owner.id if owner else None
    return render_template(
        "tokens/list.html",
        tokens=find_latest_tokens(user_id),
        total=count_tokens(user_id),
        max_tokens=MAX_TOKENS,
        max_name=MAX_NAME,
        max_password=MAX_PASSWORD,
        asks_password=needs_password(),
        now=utc_now(),
        owner=owner,
        expiries=EXPIRIES,
        default_expiry=DEFAULT_EXPIRY,
        scopes=list(Scope) if current_user.is_admin else [Scope.READ],
        today=utc_now().date(),
        last_day=utc_now().date() + LONGEST,
        reader=asked.reader,
        **context,
    )


def _read_owner(reader: ArgsReader) -> int | None:
    """Return whose tokens are asked for; None: everyone's."""
    own = int(current_user.id)
    reader.refuse_unknown(("user_id",) if current_user.is_admin else ())
    if not current_user.is_admin:
        return own
    return None if reader.text("user_id") == EVERYONE else reader.integer("user_id", own)


def _read_scope(form: MultiDict[str, str]) -> Scope:
    """Return the scope of a form; raise AccountError for what is none."""
    try:
        return Scope(form.get("scope") or Scope.READ)
    except ValueError:
        raise AccountError("scope", f"Choose one of {', '.join(Scope)}.") from None


def _read_expiry(form: MultiDict[str, str]) -> datetime | None:
    """Return when the token of a form expires; raise AccountError for what is no such time."""
    choice = form.get("expires", DEFAULT_EXPIRY)
    if choice == "never":
        return None
    if choice == "date":
        return _end_of_day(form.get("expires_on", ""))
    if choice not in dict(EXPIRIES):
        allowed = ", ".join(value for value, _ in EXPIRIES)
        raise AccountError("expires", f"Choose one of {allowed}.")
    return utc_now() + timedelta(days=int(choice))


def _end_of_day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        raise AccountError("expires_on", "Give the last day, such as 2027-01-31.") from None
    now = utc_now()
    if not now < end <= now + LONGEST + timedelta(days=1):
        raise AccountError("expires_on", "The last day must be today or in the next ten years.")
    return end
