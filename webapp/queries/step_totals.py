"""Count the steps of a list: from the kept counts, else as far as is not dear."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select

from ..filters import StepFilters
from ..models import Step
from .counts import Total, count_by_kept_counts, count_up_to
from .kept import kept
from .outside import count_by_outside
from .plain import fetch
from .rare_leads import find_cheapest, is_table_sooner
from .step_conditions import Lookups, conditions_of
from .step_plans import plan_steps, plan_walk
from .step_sizes import look_up

# Where no index says how many rows there are, a page looks at so many to count them.
WALKED = 50_000


def count_steps(filters: StepFilters, exact: bool = False, found: Lookups | None = None) -> Total:
    """Count the steps that the filters let through.

    The documented filters are always counted exactly; the others beyond COUNTED only when asked
    to.
    """
    if filters.is_documented:
        return Total(count_by_kept_counts(filters))
    if found is None:
        return _count_anew(filters.of_any_order(), exact, filters.moment)
    return _count_found(filters, exact, found)


@kept
def _count_anew(filters: StepFilters, exact: bool, _moment: datetime | None) -> Total:
    if exact and (parts := filters.parts_with_negated()):
        # What is left out has an index; to find all the rest would be to read the table.
        whole, left_out = (count_steps(part, exact) for part in parts)
        return Total(whole.n - left_out.n)
    return _count_found(filters, exact, look_up(filters))


def _count_found(filters: StepFilters, exact: bool, found: Lookups) -> Total:
    plan = plan_steps(filters, found, is_count=True)
    if plan.is_empty:
        return Total(0)
    if plan.is_walk and exact:
        if (n := count_by_outside(filters)) is not None:
            return Total(n)
        cheapest = find_cheapest(filters, found)
        leading = plan.leading if cheapest is None else cheapest
        reads_table = is_table_sooner(filters, found, leading)
        if reads_table or cheapest is not None:
            leading = None if reads_table else leading
            conditions = conditions_of(filters.of_any_order(), found, leading)
            return count_up_to(select(Step.id).where(*conditions), exact)
    only_runs = replace(filters, run_id=(), run_uuid=()).is_documented
    if plan.is_walk and not (exact or only_runs):
        return _count_walked(filters, found)
    return count_up_to(select(Step.id).where(*plan.conditions), exact or only_runs)


def _count_walked(filters: StepFilters, found: Lookups) -> Total:
    """Count what all filters let through, none of which few rows pass: as far as is not dear."""
    rows, plan = plan_walk(filters, found, WALKED)
    total = count_up_to(select(rows.c.id).where(*plan.conditions), exact=False)
    if total.is_exact:
        n_walked = fetch(select(func.count()).select_from(rows)).scalar_one()
        total = total._replace(is_exact=n_walked < WALKED)
    return total
