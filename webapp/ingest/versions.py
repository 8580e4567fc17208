"""Change the version of the history, which tells whoever asks again that something is new."""

import secrets

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from ..models import VERSION_COUNTER, Counter, table_of

# What a BIGINT holds above 0.
_BITS = 63


def change_version(connection: Connection) -> None:
    """Give the history another version, within the transaction that changes it.

    It is drawn by chance, not counted on: a backup that is put back and goes on from there would
    count to the versions that others have seen already, with other rows.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table_of(Counter)).values(
        name=VERSION_COUNTER, value=secrets.randbits(_BITS)
    )
    changed = {"value": statement.excluded.value}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))
