"""Check the database and what is in it."""

from datetime import timedelta
from functools import partial

from ..columns import utc_now
from ..database import DatabaseVersionError, check_version, find_versions
from ..formats import size
from ..ingest.readable import find_fault
from ..queries import checks
from ..queries.sources import find_sources
from .findings import Finding, Problem, Skipped, make_check
from .machine import EARLIEST, GB, database_file

# To read a larger file through takes longer than anybody waits.
MOST_CHECKED_BYTES = GB
# Between two clocks, and between now and what our own has noted.
MOST_SKEW = timedelta(seconds=30)


def check_database() -> str:
    """Say which database answers."""
    file = database_file()
    if file is not None and not file.exists():
        # To open it would make an empty one.
        raise Problem(f"There is no {file} yet: 'flask db upgrade' makes it, and a first start.")
    version = checks.find_version()
    if file is None:
        return f"{version} answers"
    if checks.find_journal_mode() != "wal":
        raise Problem(
            f"{file} cannot have a write-ahead log, so readers wait for writers: keep it on a "
            "local disk, not on a network's."
        )
    return f"{version}, {size(file.stat().st_size)} in {file}"


def check_migrations() -> str:
    """Say whether the tables are those of this version."""
    try:
        check_version()
    except DatabaseVersionError as error:
        raise Problem(str(error)) from error
    return f"at {find_versions()[0]}"


def check_writable() -> str:
    """Say whether the database can be written."""
    checks.try_to_write()
    return "a change can be made"


def check_integrity() -> str:
    """Say whether SQLite's file is whole; PostgreSQL looks after its own."""
    file = database_file()
    if file is None:
        raise Skipped("PostgreSQL looks after its own files.")
    if file.stat().st_size > MOST_CHECKED_BYTES:
        raise Skipped(
            f"The file has {size(file.stat().st_size)}, which would take minutes; "
            f"sqlite3 {file} 'PRAGMA quick_check' does it."
        )
    if damage := checks.find_damage():
        raise Problem(f"The file is damaged ({damage[:200]}): restore a backup.")
    return "quick check found no damage"


def check_counts() -> str:
    """Say whether the kept counts agree with a sample of the steps."""
    if wrong := checks.find_miscounts():
        raise Problem(
            f"What is kept of steps is wrong: {'; '.join(wrong)}. 'flask counts rebuild' mends it. "
            "Please report it, with how the rows came in."
        )
    return "the sums agree, and a sample of the steps"


def check_references() -> str:
    """Say whether a sample of the steps has its runs and sources."""
    if found := checks.find_dangling():
        raise Problem(
            f"The run or the source is missing of some of {' and '.join(found)}: "
            "import their base again, which brings it back, and then run 'flask counts rebuild'."
        )
    return "a sample of the steps has its runs and sources"


def check_admin() -> str:
    """Say whether anybody can manage."""
    if not checks.has_active_admin():
        raise Problem("Nobody may manage: run 'flask users create NAME --role admin', or enable.")
    return "there is an active one"


def check_clock() -> str:
    """Say whether the clock can be right."""
    now, latest = utc_now(), checks.find_latest_own_time()
    if now < EARLIEST or (latest and latest > now + MOST_SKEW):
        raise Problem(f"The clock is behind: it says {now:%Y-%m-%d %H:%M}Z. Set it, and keep it.")
    skew = timedelta(seconds=checks.find_clock_skew_s())
    if abs(skew) > MOST_SKEW:
        raise Problem(
            f"The clock of the database differs by {abs(skew).total_seconds():.0f} s: set both."
        )
    return f"it is {now:%Y-%m-%d %H:%M}Z"


def check_sources() -> list[Finding]:
    """Return a finding for each source: whether it can be read again."""
    faults = {source.name: find_fault(source) for source in find_sources()}
    return [make_check(f"source {name}", partial(_tell, fault)) for name, fault in faults.items()]


def _tell(fault: str) -> str:
    if fault:
        raise Problem(fault)
    return "can be read"
