"""Commands that say who may sign in: `flask users`."""

import sys

import click
from click import ClickException

from ..auth import add_user, set_active, set_password
from ..models import User
from ..queries.users import find_user_named, find_users
from . import bp
from .commands import needs_database

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


@bp.cli.group("users")
def users() -> None:
    """Make, list and disable the users who may sign in."""


@users.command("create")
@click.argument("name")
@password_option
@needs_database
def create_user(name: str, password_stdin: bool) -> None:
    """Make a user NAME, who may do everything."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise ClickException("A user name must be printable, without spaces around it.")
    if find_user_named(name):
        raise ClickException(f"There is a user {name} already.")
    add_user(name, _read_password(password_stdin))
    click.echo(f"Made the user {name}.")


@users.command("list")
@needs_database
def list_users() -> None:
    """List all users, a line each."""
    for user in find_users():
        state = "active" if user.is_active else "disabled"
        click.echo(f"{user.username}\t{state}\tsince {user.created_at:%Y-%m-%d}")


@users.command("set-password")
@click.argument("name")
@password_option
@needs_database
def change_password(name: str, password_stdin: bool) -> None:
    """Give the user NAME another password."""
    user = _get_user(name)
    set_password(user, _read_password(password_stdin))
    click.echo(f"Set the password of {name}.")


@users.command("disable")
@click.argument("name")
@needs_database
def disable_user(name: str) -> None:
    """Keep the user NAME out: sessions and tokens stop at once."""
    set_active(_get_user(name), False)
    click.echo(f"Disabled {name}; 'flask users enable {name}' undoes it.")


@users.command("enable")
@click.argument("name")
@needs_database
def enable_user(name: str) -> None:
    """Let the user NAME in again."""
    set_active(_get_user(name), True)
    click.echo(f"Enabled {name}.")


def _get_user(name: str) -> User:
    user = find_user_named(name)
    if user is None:
        raise ClickException(f"There is no user {name}; 'flask users list' shows all.")
    return user


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not password:
        raise ClickException("The password must not be empty.")
    return password
