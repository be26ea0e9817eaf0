"""Officers see what regulators see: is the money there, and which days somebody has to look into."""

from litestar import get
from litestar.di import NamedDependency

from app.house import House
from app.http.paging import Limit
from app.http.regulator.safeguarding import Alarms, ComparisonList, comparisons


@get(
    "/v1/officer/safeguarding",
    operation_id="listSafeguarding",
    opt={"scope": "officer:suspense"},
    tags=["Officers"],
    summary="Is the money there?",
)
async def list_safeguarding(house: NamedDependency[House], alarms: Alarms = None, limit: Limit = 20) -> ComparisonList:
    """Show what is owed against what banks keep, by day; with `alarms` only what differs or has no statement."""
    return await comparisons(house, alarms=bool(alarms), limit=limit)


routes = [list_safeguarding]
