"""Turn query strings into filters and back; pure.

The field names are the names in the query string, of pages and API alike. Reading never raises:
what is wrong is collected in `errors`, for the API to refuse and for a page to say.
"""

from .audit import AuditFilters
from .lists import (
    DURATIONS,
    ENDED,
    PAGE_SIZES,
    PRESETS,
    RANGES,
    STARTED,
    ListFilters,
    TimedFilters,
)
from .reader import (
    DEFAULT_LIMIT,
    MAX_CHARACTERS,
    MAX_LIMIT,
    MAX_VALUES,
    NO_CURSOR,
    ArgsReader,
    FilterError,
)
from .recorder import ArgsRecorder, Parameter, Reading, record, values_schema
from .runs import RunFilters
from .steps import STATUS_ALIASES, StepFilters
from .values import MAX_INTEGER, NOT, chosen_of, part_negated, time_text

__all__ = [
    "DEFAULT_LIMIT",
    "DURATIONS",
    "ENDED",
    "MAX_CHARACTERS",
    "MAX_INTEGER",
    "MAX_LIMIT",
    "MAX_VALUES",
    "NOT",
    "NO_CURSOR",
    "PAGE_SIZES",
    "PRESETS",
    "RANGES",
    "STARTED",
    "STATUS_ALIASES",
    "ArgsReader",
    "ArgsRecorder",
    "AuditFilters",
    "FilterError",
    "ListFilters",
    "Parameter",
    "Reading",
    "RunFilters",
    "StepFilters",
    "TimedFilters",
    "chosen_of",
    "part_negated",
    "record",
    "time_text",
    "values_schema",
]
