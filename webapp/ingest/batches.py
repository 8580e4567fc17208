"""Decide how many steps are written in one batch."""

# The larger the batch, the seldomer each page of the indexes is written.
BATCH_ROWS = 20_000
# Nothing is known of the database yet; the least, where it is slow.
FIRST_ROWS, LEAST_ROWS = 5_000, 1_000
# Two batches are in memory at once.
BATCH_CHARACTERS = 16 * 1024 * 1024
# While a batch is written nobody else can write, a login neither, which waits for 5 s at most.
BATCH_S = 1.0


class BatchSize:
    """How large a batch may be: as large as can be written in a second."""

    def __init__(self) -> None:
        """Begin with a small one."""
        self._rows = min(FIRST_ROWS, BATCH_ROWS)

    def is_reached(self, n_rows: int, n_characters: int) -> bool:
        """Tell whether no more steps should wait."""
        return n_rows >= self._rows or n_characters >= BATCH_CHARACTERS

    def learn(self, n_rows: int, seconds: float) -> None:
        """Go by how long so many rows took to write."""
        fitting = int(n_rows * BATCH_S / seconds) if seconds else BATCH_ROWS
        self._rows = min(max(fitting, LEAST_ROWS), BATCH_ROWS)
