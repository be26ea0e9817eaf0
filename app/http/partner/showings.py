"""A registered client scans the code a resident shows: the resident reads its registered name.

path   app/http/partner/showings.py  scan()  ->  app/credentials/showings.py  scan()
"""

from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody

from app import clock, language
from app.auth.principal import Principal
from app.credentials import showings
from app.credentials.showings import Verifier
from app.db import Story
from app.house import House
from app.http import showing_views
from app.http.showing_views import Code, Purpose, Session, ShowingVerdict
from app.http.wire import Wire
from app.partners import registry


class ScanCode(Wire, frozen=True):
    """The code, as its QR ends; the purpose is told the resident."""

    code: Code
    purpose: Purpose | None = None
    session: Session | None = None


@post(
    "/v1/shown-codes",
    operation_id="scanShownCode",
    opt={"scope": "presentation:ask"},
    tags=["Presentations"],
    summary="Scan the code a resident shows",
    status_code=200,
)
async def scan(
    data: JSONBody[ScanCode],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    accept_language: Annotated[str | None, HeaderParameter(name="Accept-Language")] = None,
) -> ShowingVerdict:
    """Tell what the resident agreed to show. A code is scanned once; its session may look again until it ends.

    Takes no Idempotency-Key: an answer kept for repeats would keep what was shown.
    """
    name = await registry.registered_name(await story(), me)
    by = Verifier(name=name, client=me.name, purpose=data.purpose)
    told = await showings.scan(story, house.keys.kms, data.code, by, session=data.session, now=clock.real())
    return showing_views.verdict(told, by, language.choose(accept_language))


routes = [scan]
