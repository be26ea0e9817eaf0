"""What was judged by and declared in clear before revision 0043 is sealed with the keys of those it is about.

seals     app/risk/sealing.py    step()       <- you are here, a step of the worker that ends with the last such row
reads     kyc/risk/assessment.py, kyc/risk/declaration.py     either form, until then
"""

from sqlalchemy import select, update

from app import access, vault
from app.db import transaction
from app.house import House
from kyc.risk import tables

ACTOR = "service:risk"
_AT_ONCE = 200
_PLACES = ((tables.assessment, "facts"), (tables.declaration, "codes"))


async def step(house: House) -> int:
    """Seal a few rows of those that are left; answers how many."""
    done = 0
    async with transaction(house.worker, actor=ACTOR, operation="riskSealing") as story:
        db = await story()
        for table, column in _PLACES:
            waiting = (
                select(table.c.id, table.c.resident, table.c.unsealed)
                .where(table.c.unsealed.is_not(None))
                .order_by(table.c.id)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            )
            rows = (await db.execute(waiting)).all()
            people = {row.resident for row in rows}
            keys = await vault.look_at_all(db, people, kms=house.keys.kms, why=access.SCREENING)
            for row in rows:
                sealed = keys[row.resident].seal(row.unsealed.encode(), table=str(table), column=column, row=row.id)
                await db.execute(update(table).where(table.c.id == row.id).values({column: sealed, "unsealed": None}))
            done += len(rows)
    return done
