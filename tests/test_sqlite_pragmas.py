"""An SQLite file is set up as the engine needs it, whoever made it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from webapp.database import PAGE_BYTES, USUAL_CHECKPOINT_BYTES, set_up_sqlite


@pytest.mark.parametrize("page_bytes", [4_096, 0])
def test_a_file_that_is_there_keeps_its_pages_and_a_log_of_as_many_bytes(
    tmp_path: Path, page_bytes: int
) -> None:
    file = tmp_path / "made.sqlite"
    if page_bytes:
        with closing(sqlite3.connect(file)) as made:
            made.execute(f"PRAGMA page_size = {page_bytes}")
            made.execute("CREATE TABLE made_before (id INTEGER)")
    engine = create_engine(f"sqlite:///{file}")
    set_up_sqlite(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE made_now (id INTEGER)")
    with engine.connect() as connection:
        sizes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_size", "wal_autocheckpoint", "journal_mode")
        ]
    engine.dispose()
    expected = page_bytes or PAGE_BYTES
    assert sizes == [expected, USUAL_CHECKPOINT_BYTES // expected, "wal"]
