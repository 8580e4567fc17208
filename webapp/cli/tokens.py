"""Commands that make keys for scripts: `flask tokens`."""

import re
from datetime import timedelta

import click
from click import ClickException

from ..accounts import add_token, revoke_token
from ..columns import utc_now
from ..models import Scope, Token
from ..queries.users import find_tokens, find_user_named
from . import bp
from .commands import errors_of_one_line, needs_database
from .completion import complete_tokens, complete_users

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3650)


class Span(click.ParamType[timedelta]):
    """A time span such as 30d or 12h."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the span that a text means."""
        match = re.fullmatch(r"([0-9]{1,6})([mhdw])", str(value))
        span = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta()
        if not timedelta() < span <= LONGEST:
            raise ClickException(
                f"--expires-in must be a number with m, h, d or w, such as 12h or 30d, "
                f"and at most ten years, not {value}."
            )
        return span


@bp.cli.group("tokens")
def tokens() -> None:
    """Make, list and revoke the tokens of scripts."""


@tokens.command("create")
@click.argument("name")
@click.option(
    "--user",
    "username",
    default="admin",
    show_default=True,
    help="Whose token it is.",
    shell_complete=complete_users,
)
@click.option("--expires-in", type=Span(), help="How long it is good: 12h, 30d, 52w.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    show_default=True,
    help="What it may do; never more than its user.",
)
@click.option("--never", is_flag=True, help="Say that it never expires, as without an option.")
@needs_database
def create_token(
    name: str, username: str, expires_in: timedelta | None, scope: str, never: bool
) -> None:
    """Make a token NAME and print it, alone, on standard output."""
    if expires_in and never:
        raise ClickException("Give --expires-in or --never, not both.")
    user = find_user_named(username)
    if user is None or not user.is_active:
        raise ClickException(f"There is no active user {username}; 'flask users list' shows all.")
    expires_at = utc_now() + expires_in if expires_in else None
    with errors_of_one_line():
        click.echo(add_token(user, name, expires_at, Scope(scope)))


@tokens.command("list")
@needs_database
def list_tokens() -> None:
    """List all tokens, a line each; the tokens themselves are not kept."""
    for token in find_tokens():
        click.echo(
            f"{token.name}\t{token.user.username}\t{token.scope}\t"
            f"made {token.created_at:%Y-%m-%d %H:%M}Z\t{_describe_use(token)}\t"
            f"{_describe_end(token)}"
        )


@tokens.command("revoke")
@click.argument("name", shell_complete=complete_tokens)
@click.option(
    "--user",
    "username",
    help="Whose token it is, where several have one so named.",
    shell_complete=complete_users,
)
@needs_database
def revoke(name: str, username: str | None) -> None:
    """Make the token NAME useless at once."""
    found = find_tokens(name, username)
    owners = sorted({token.user.username for token in found})
    if not found:
        raise ClickException(f"There is no token {name}; 'flask tokens list' shows all.")
    if len(owners) > 1:
        raise ClickException(
            f"{', '.join(owners)} have a token {name}; say with --user whose to revoke."
        )
    for token in found:
        revoke_token(token.id)
    count = "" if len(found) == 1 else f" ({len(found)} of that name)"
    click.echo(f"Revoked {name}{count}.")


def _describe_use(token: Token) -> str:
    used = token.last_used_at
    return f"last used {used:%Y-%m-%d %H:%M}Z" if used else "never used"


def _describe_end(token: Token) -> str:
    refused = "" if token.user.is_active else ", refused: its user is disabled"
    if token.expires_at is None:
        return f"never expires{refused}"
    verb = "expired" if token.expires_at <= utc_now() else "expires"
    return f"{verb} {token.expires_at:%Y-%m-%d %H:%M}Z{refused}"
