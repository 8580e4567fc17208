"""The file that the rows of a base wait in."""

from webapp.ingest.osmedeus.database import SourceRow
from webapp.ingest.osmedeus.row_store import TWIN, RowStore

N_ROWS = 2_000


def row(number: int, key: str, status: str) -> SourceRow:
    return SourceRow(number, key, None, "gone", f"step-{number}", "bash", status, 1, number, 0, 1)


def test_many_rows_of_one_id_are_told_apart_without_a_look_at_all_of_them_for_each() -> None:
    n_looks = 0

    def look() -> None:
        nonlocal n_looks
        n_looks += 1

    with RowStore() as store:
        # So many thousand instructions of SQLite.
        store._connection.set_progress_handler(look, 1_000)
        rows = [row(n, "same", "exploded") for n in range(1, N_ROWS)]
        store.fill([], [*rows, row(N_ROWS, "same", "completed"), row(N_ROWS + 1, "same", "failed")])
        assert store.count_kept_out() == {"unknown status 'exploded'": N_ROWS - 1, TWIN: 1}
        assert [one.rowid for one in store.find_orphans()] == [N_ROWS]
    assert n_looks < 1_000
