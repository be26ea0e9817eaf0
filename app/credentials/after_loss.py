"""Who asks for the ID anew after a phone was lost shows by the passkey that it is they.

offers    app/http/mobile/credentials.py     offer_credential()
prints    app/http/mobile/printed_codes.py   print_()
asks      app/credentials/after_loss.py      confirm()   <- you are here
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import session, stepup
from app.auth.principal import Principal
from app.settings import Settings
from residency.credential import holding
from residency.credential.dataset import Kind


async def confirm(
    db: AsyncConnection,
    settings: Settings,
    me: Principal,
    kind: Kind,
    *,
    operation: str,
    shown: stepup.Shown,
    confirmation: stepup.Confirmation | None,
) -> None:
    """Let the caller have copies of a document; the passkey is asked where the last of its kind ended with a phone.

    Raises gate.SessionEnded, stepup.RecoveryPeriod, and after a loss as stepup.redeem.
    """
    await session.keep(db, me.session)
    await stepup.check_limited(db, me, operation)
    if await holding.follows_a_loss(db, me.subject, kind):
        await stepup.redeem(db, settings, me, operation=operation, shown=shown, confirmation=confirmation)
