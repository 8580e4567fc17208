"""Refuse query strings: what is wrong with one is answered with 400."""

from werkzeug.exceptions import BadRequest

from ..filters import FilterError

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
