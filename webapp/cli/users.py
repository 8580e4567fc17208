"""Commands that say who may sign in: `flask users`."""

import sys

import click
from click import ClickException

from ..accounts import (
    add_account,
    change_password,
    change_role,
    change_state,
    check_name,
)
from ..models import Role, User
from ..queries.users import count_users, find_user_named, find_users, has_user_alike
from . import bp
from .commands import errors_of_one_line, needs_database
from .completion import complete_users

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


@bp.cli.group("users")
def users() -> None:
    """Make, list and disable the users who may sign in."""


@users.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What the user may do; by default viewer, and admin for the first user.",
)
@password_option
@needs_database
def create_user(name: str, role: str | None, password_stdin: bool) -> None:
    """Make a user NAME, who may read everything, or manage users and sources too."""
    given = Role(role) if role else Role.VIEWER if count_users() else Role.ADMIN
    with errors_of_one_line():
        check_name(name, "username", "A user name")
        if has_user_alike(name):
            raise ClickException(f"There is a user {name} already.")
        add_account(name, given, _read_password(password_stdin))
    click.echo(f"Made the {given} {name}.")


# The pages say "add".
users.add_command(create_user, "add")


@users.command("list")
@needs_database
def list_users() -> None:
    """List all users, a line each."""
    for user in find_users():
        state = "active" if user.is_active else "disabled"
        click.echo(f"{user.username}\t{state}\t{user.role}\tsince {user.created_at:%Y-%m-%d}")


@users.command("set-role")
@click.argument("name", shell_complete=complete_users)
@click.argument("role", type=click.Choice([role.value for role in Role]))
@needs_database
def set_role(name: str, role: str) -> None:
    """Make the user NAME an admin or a viewer."""
    with errors_of_one_line():
        change_role(_get_user(name).id, Role(role))
    click.echo(f"{name} is {'an' if role == Role.ADMIN else 'a'} {role} now.")


@users.command("set-password")
@click.argument("name", shell_complete=complete_users)
@password_option
@needs_database
def set_password(name: str, password_stdin: bool) -> None:
    """Give the user NAME another password."""
    user_id = _get_user(name).id
    with errors_of_one_line():
        change_password(user_id, _read_password(password_stdin))
    click.echo(f"Set the password of {name}.")


@users.command("disable")
@click.argument("name", shell_complete=complete_users)
@needs_database
def disable_user(name: str) -> None:
    """Keep the user NAME out: sessions and tokens stop at once."""
    with errors_of_one_line():
        change_state(_get_user(name).id, False)
    click.echo(f"Disabled {name}; 'flask users enable {name}' undoes it.")


@users.command("enable")
@click.argument("name", shell_complete=complete_users)
@needs_database
def enable_user(name: str) -> None:
    """Let the user NAME in again."""
    change_state(_get_user(name).id, True)
    click.echo(f"Enabled {name}.")


def _get_user(name: str) -> User:
    user = find_user_named(name)
    if user is None:
        raise ClickException(f"There is no user {name}; 'flask users list' shows all.")
    return user


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
