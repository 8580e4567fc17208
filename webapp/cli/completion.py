"""Complete the names of sources, users and tokens in a shell."""

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem
from flask.cli import ScriptInfo
from sqlalchemy.exc import SQLAlchemyError

from ..checks.machine import database_file
from ..queries.sources import find_sources
from ..queries.users import find_tokens, find_users

# What click calls for a parameter: with the context, the parameter, and what stands there so far.
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _complete(find: Callable[[], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
        with ctx.ensure_object(ScriptInfo).load_app().app_context():
            names = sorted({name for name in _find(find) if name.startswith(begun)})
        return [CompletionItem(name) for name in names]

    return complete


def _find(find: Callable[[], Iterable[str]]) -> list[str]:
    file = database_file()
    if file is not None and not file.exists():
        # To look into it would make it.
        return []
    try:
        return list(find())
    except SQLAlchemyError:
        # An error would be printed into the line that somebody is typing; the command says it.
        return []


complete_sources = _complete(lambda: (source.name for source in find_sources()))
complete_users = _complete(lambda: (user.username for user in find_users()))
complete_tokens = _complete(lambda: (token.name for token in find_tokens()))
