"""Check that an installation is well: a finding a check, and none of them ends the others."""

from collections.abc import Iterator

from .databases import (
    check_admin,
    check_clock,
    check_counts,
    check_database,
    check_integrity,
    check_migrations,
    check_references,
    check_sources,
    check_writable,
)
from .findings import Check, Finding, State, make_check, skip_all
from .machine import (
    check_disk,
    check_instance,
    check_metrics_folder,
    check_secret_key,
    check_settings,
    check_static_files,
    check_wal,
)
from .replicas import check_replica, has_replica

__all__ = ["Finding", "State", "find_findings"]

OF_THE_MACHINE: dict[str, Check] = {
    "settings": check_settings,
    "secret key": check_secret_key,
    "instance folder": check_instance,
    "static files": check_static_files,
    "metrics folder": check_metrics_folder,
    "disk": check_disk,
    "write-ahead log": check_wal,
}
# Only where the database answers and has the tables of this version.
OF_THE_ROWS: dict[str, Check] = {
    "writing": check_writable,
    "integrity": check_integrity,
    "kept counts": check_counts,
    "references": check_references,
    "admin": check_admin,
    "clock": check_clock,
}


def find_findings() -> Iterator[Finding]:
    """Yield what each check finds, as soon as it is known; never raise for what is not well."""
    yield from (make_check(*one) for one in OF_THE_MACHINE.items())
    database = make_check("database", check_database)
    yield database
    if database.state != State.OK:
        yield from skip_all(["migrations"], "The database does not answer.")
    else:
        migrations = make_check("migrations", check_migrations)
        yield migrations
        if migrations.state == State.OK:
            yield from (make_check(*one) for one in OF_THE_ROWS.items())
            if has_replica():
                yield make_check("replica", check_replica)
            yield from _check_sources()
            return
    yield from skip_all([*OF_THE_ROWS, "sources"], "First the database must be as it should.")


def _check_sources() -> Iterator[Finding]:
    found: list[Finding] = []

    def look() -> str:
        found.extend(check_sources())
        return f"{len(found)} known"

    yield make_check("sources", look)
    yield from found
