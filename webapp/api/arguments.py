"""Read and refuse query strings: what is wrong with one is answered with 400."""

from flask import request
from werkzeug.exceptions import BadRequest

from ..filters import DEFAULT_LIMIT, ArgsReader, FilterError, ListFilters

# A query string can hold thousands of mistakes; the first few tell enough.
SHOWN_ERRORS = 10


def refuse(errors: tuple[FilterError, ...] | list[FilterError]) -> None:
    """Answer 400 when anything is wrong, naming the parameters and what is allowed."""
    if not errors:
        return
    sentences = [f"{error}." for error in dict.fromkeys(errors)]
    if len(sentences) > SHOWN_ERRORS:
        sentences[SHOWN_ERRORS:] = [f"And {len(sentences) - SHOWN_ERRORS} more."]
    raise BadRequest(" ".join(sentences))


def refuse_parameters() -> None:
    """Answer 400 to any query string at all."""
    reader = ArgsReader(request.args, blank_is_absent=False)
    reader.refuse_unknown(())
    refuse(reader.errors)


def read_page(default_limit: int = DEFAULT_LIMIT) -> ListFilters:
    """Read `offset` and `limit` where there is nothing to filter, or answer 400."""
    page = ListFilters.of_page(request.args, default_limit)
    refuse(page.errors)
    return page
