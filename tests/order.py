"""Tell in which order files are handed to workers: one that begins a long one last keeps all."""

from collections import Counter

import pytest

# Long by themselves, of few tests: they start browsers and servers, or try very many things.
LONG = (
    "tests/browser/",
    "tests/test_app.py",
    "tests/test_ending.py",
    "tests/test_fuzz.py",
    "tests/faults/",
    "tests/test_queries_steps.py",
    "tests/test_queries_ranges.py",
    "tests/test_counts.py",
    "tests/test_pages_sources.py",
    "tests/test_throttling.py",
)


def put_longest_first(items: list[pytest.Item]) -> None:
    """Order by file: the long ones as they stand above, then those of many tests."""
    n_tests = Counter(map(_file_of, items))

    def place(item: pytest.Item) -> tuple[int, int, str]:
        file = _file_of(item)
        long = (n for n, name in enumerate(LONG) if file.startswith(name))
        return (next(long, len(LONG)), -n_tests[file], file)

    items.sort(key=place)


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
