"""What may be shown beside a document: that its chip is no copy, and what the applicant wrote into the form.

path   POST /v1/identity/chip-challenges  ->  the phone  ->  the chip  ->  POST /v1/identity/documents

The challenge is eight bytes of ours that the chip signs (active authentication, kyc/chip/active.py): good for its
resident, once, for five minutes. Handing one out writes nothing.
"""

import base64
from datetime import date, datetime
from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth.principal import Principal
from app.house import House
from app.http.wire import BASE64, Wire
from kyc.agreement import Form
from kyc.chip import challenge
from kyc.identify import Answer

# Python's $ lets a line break follow.
_END = r"$(?!\n)"
_NAME = r"^[^\x00-\x1f\x7f<>]*" + _END
Text = Annotated[
    str,
    Meta(
        min_length=43,
        max_length=43,
        pattern=f"^[A-Za-z0-9_-]*{_END}",
        examples=["AAAAAGkhkYI0M5v1xJ8nq0d3mZ4r6Ww9k2TtYbQeLsA"],
    ),
]

Country = Annotated[str, Meta(pattern=rf"^[A-Z]{{3}}{_END}", examples=["SWE"])]
Number = Annotated[str, Meta(min_length=1, max_length=22, pattern=rf"^[A-Za-z0-9 -]*{_END}", examples=["L898902C3"])]


class ChipChallenge(Wire, frozen=True):
    """What the chip is to sign (`nonce`, RND.IFD of ICAO Doc 9303-11), and what to send with its answer, until when."""

    challenge: Text
    nonce: Annotated[str, Meta(description="Eight bytes in base64.", examples=["lr4PPXp+eGQ="])]
    expires_at: datetime


class ChipAnswer(Wire, frozen=True):
    """What the chip answered to INTERNAL AUTHENTICATE over the nonce of a challenge."""

    challenge: Text
    answer: Annotated[str, Meta(pattern=BASE64, min_length=4, max_length=1368, examples=["R0JWMGhAwKs="])]

    async def taken(self, db: AsyncConnection, house: House, me: Principal) -> Answer:
        """Use the challenge up; raises kyc.chip.challenge.StaleChallenge."""
        used = challenge.read(house.keys.kms.blind, me.subject, self.challenge, at=clock.real())
        await challenge.spend(db, used)
        return Answer(used.nonce, base64.b64decode(self.answer))


class Stated(Wire, frozen=True):
    """What applicants say of themselves, in letters of their own; it is compared with the document."""

    surname: Annotated[str, Meta(max_length=100, pattern=_NAME, examples=["Eriksson"])]
    given: Annotated[str, Meta(max_length=100, pattern=_NAME, examples=["Anna Maria"])]
    born: date
    nationality: Country | None = None
    number: (
        Annotated[str, Meta(min_length=1, max_length=22, pattern=rf"^[A-Za-z0-9 -]+{_END}", examples=["L898902C3"])]
        | None
    ) = None
    expires: date | None = None

    def form(self) -> Form:
        """Give it as kyc compares it."""
        return Form(
            surname=self.surname,
            given=self.given,
            born=self.born,
            nationality=self.nationality,
            number=self.number,
            expires=self.expires,
        )


@post(
    "/v1/identity/chip-challenges",
    operation_id="createChipChallenge",
    opt={"scope": "kyc:write"},
    tags=["Identity"],
    summary="A challenge for a chip",
    status_code=200,
)
async def give_challenge(me: NamedDependency[Principal], house: NamedDependency[House]) -> ChipChallenge:
    """Give eight bytes for the chip to sign: by its answer a copy of its files is told from the original."""
    made = challenge.mint(house.keys.kms.blind, me.subject, at=clock.real())
    nonce = base64.b64encode(made.nonce).decode()
    return ChipChallenge(challenge=made.text, nonce=nonce, expires_at=made.expires_at)


routes = [give_challenge]
