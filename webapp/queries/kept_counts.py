"""Tell how much is counted."""

from sqlalchemy import func, select

from ..extensions import db
from ..models import TOTAL_BLOCK, BlockCount, Run, StepCount, StepStatus, table_of


def count_kept() -> tuple[int, int]:
    """Return how many steps the totals tell of, and how many counts are kept in all."""
    totals = select(func.sum(BlockCount.n)).where(BlockCount.block == TOTAL_BLOCK)
    n_steps = int(db.session.execute(totals).scalar() or 0)
    rows = (select(func.count()).select_from(table_of(one)) for one in (StepCount, BlockCount, Run))
    of_workspaces, of_all, runs = (db.session.execute(one).scalar_one() for one in rows)
    return n_steps, of_workspaces + of_all + runs * len(StepStatus)
