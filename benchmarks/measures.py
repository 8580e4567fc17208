"""Say what was measured beside its budget."""

from typing import NamedTuple


class Measure(NamedTuple):
    """One line of the table; ratios above 1 are over budget.

    `is_time` tells that a machine half as fast would measure twice as much: then the table says
    too what the ratio would be on the machine that the budgets were set for, which serves an empty
    Flask route `factor` times as fast as this one did just before and after. `is_size` tells of
    bytes, which are as many on any machine and any database.
    """

    what: str
    budget: str
    measured: str
    ratio: float
    is_time: bool = True
    factor: float = 0.0
    is_size: bool = False


def at_most_ms(what: str, budget: float, measured: float) -> Measure:
    """Measure a time in milliseconds."""
    return Measure(what, f"{budget:g} ms", f"{measured:.2f} ms", measured / budget)


def at_least(what: str, budget: float, measured: float, unit: str) -> Measure:
    """Measure how much is done a second."""
    return Measure(what, f"{budget:,.0f} {unit}", f"{measured:,.0f} {unit}", budget / measured)


def at_most_times(what: str, budget: float, measured: float) -> Measure:
    """Measure one thing as so many times another."""
    return Measure(what, f"{budget:g} x", f"{measured:.2f} x", measured / budget, is_time=False)


def at_least_times(what: str, budget: float, measured: float) -> Measure:
    """Measure one thing as no less than a part of another."""
    return Measure(what, f"{budget:g} x", f"{measured:.2f} x", budget / measured, is_time=False)


def at_most(what: str, budget: float, measured: float, unit: str) -> Measure:
    """Measure a size."""
    told = (f"{budget:,.0f} {unit}", f"{measured:,.1f} {unit}")
    return Measure(what, *told, measured / budget, is_time=False, is_size=True)
