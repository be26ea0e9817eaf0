"""Whom money would go to, confirmed before it goes; and by what the caller may be found and is shown to others.

path   POST /v1/payees/lookups  ->  app/payments/payee.py  find()  ->  the `reference` a transfer or request names

Looking up changes nothing and takes no Idempotency-Key: each time there is a new reference.
"""

import base64
import io
from datetime import datetime
from typing import Annotated

import segno
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy import update

from app import clock
from app.auth import contact, tables
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.contacts import Kind
from app.http.wire import LINE, MoneyWire, Text, Wire
from app.payments import emv, payee
from app.payments.naming import Match
from app.payments.payee import Via
from law.money import KZT, Money

_TAGS = ["Payees"]
Iban = Annotated[
    str, Meta(description="The wallet's address among banks (ISO 13616).", examples=["KZ859990000000000001"])
]


class LookUp(Wire, frozen=True):
    """Whom to look for: one address, and the name the payer has in mind, if it is to be compared."""

    via: Annotated[Via, Meta(examples=["phone"])]
    value: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=emv.LENGTH_MAX,
            pattern=LINE,
            description="A phone number with its country code, an e-mail address, an IBAN, a wallet's id, or the text "
            "of a payment code.",
            examples=["+77012345678"],
        ),
    ]
    name: Text | None = None


class PayeeView(Wire, frozen=True):
    """A payee. `name` is masked, and absent where the payee does not show it; `reference` is the caller's alone.

    `name_match` answers the name that was sent. `amount` and `money_request` are what a payment code asks for.
    """

    reference: Annotated[str, Meta(max_length=payee.REFERENCE_MAX, examples=["payee.mWqGvVt4v0xZ3GkQ1cC3Sg"])]
    via: Via
    address: Annotated[str, Meta(examples=["+77012345678"])]
    wallet: Annotated[str, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    expires_at: datetime
    name: Annotated[str | None, Meta(examples=["AIGERIM S."])] = None
    name_match: Match | None = None
    amount: MoneyWire | None = None
    money_request: Annotated[str | None, Meta(examples=["money_request_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None


class FindableContact(Wire, frozen=True):
    """A proved contact, and whether payers find the caller by it."""

    id: Annotated[str, Meta(examples=["contact_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    kind: Kind
    value: Annotated[str, Meta(examples=["anna@example.com"])]
    findable: bool


class MyPayeeView(Wire, frozen=True):
    """How the caller is shown to payers: under which name, at which address, to whom."""

    iban: Iban
    by_account: Annotated[bool, Meta(description="Whether who knows the IBAN, wallet or code is told the name.")]
    contacts: list[FindableContact]
    name: Annotated[str | None, Meta(description="Absent without a document in force.", examples=["AIGERIM S."])] = None


class ShowMe(Wire, frozen=True):
    """Whether payers who know the IBAN, the wallet's id or a payment code are told the masked name."""

    by_account: bool


class Findable(Wire, frozen=True):
    """Whether payers find the caller by this contact."""

    findable: bool


class PaymentCodeView(Wire, frozen=True):
    """A payment code: the text (EMVCo QRCPS-MPM), and the QR code of it as pictures."""

    text: Annotated[str, Meta(examples=["00020101021126...6304ABCD"])]
    svg: Annotated[str, Meta(description="An SVG document.", examples=["<svg/>"])]
    png: Annotated[str, Meta(description="A PNG file, base64.", examples=["iVBORw0KGgo="])]


@post(
    "/v1/payees/lookups",
    operation_id="lookUpPayee",
    opt={"scope": "wallet:write", "quota": "lookups"},
    tags=_TAGS,
    summary="Whom the money would go to",
    status_code=200,
)
async def look_up_payee(
    data: JSONBody[LookUp],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> PayeeView:
    """Find a payee and compare the name. Who does not exist and who is not to be found are one answer."""
    found = await payee.find(await story(), house.keys.kms, data.via, data.value, typed=data.name)
    until = clock.real() + payee.LIFETIME
    return PayeeView(
        reference=payee.refer(house.keys, me.subject, found.payee, until),
        via=data.via,
        address=found.payee.address,
        wallet=ids.show("wallet", found.payee.account),
        expires_at=until,
        name=found.payee.name or None,
        name_match=found.match,
        amount=MoneyWire.of(found.money) if found.money else None,
        money_request=found.request,
    )


@get("/v1/me/payee", operation_id="getMyPayee", opt={"scope": "wallet:read"}, tags=_TAGS, summary="How payers see me")
async def get_my_payee(
    me: NamedDependency[Principal], story: NamedDependency[Story], house: NamedDependency[House]
) -> MyPayeeView:
    """Show under which name and by what payers find the caller."""
    return await _shown(story, house, me)


@put(
    "/v1/me/payee",
    operation_id="setMyPayee",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Show payers my name or not",
)
async def set_my_payee(
    data: JSONBody[ShowMe],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> MyPayeeView:
    """Let those who know the caller's IBAN, wallet or code see the masked name and compare it, or not."""
    return await _shown(story, house, me, by_account=data.by_account)


@put(
    "/v1/me/contacts/{contact_id:str}/findable",
    operation_id="setFindable",
    opt={"scope": "contact:write"},
    tags=_TAGS,
    summary="Be found by a contact or not",
)
async def set_findable(
    contact_id: FromPath[str],
    data: JSONBody[Findable],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
) -> Findable:
    """Let payers find the caller by a contact that was proved, or no longer."""
    columns = tables.contact.c
    mine = (columns.id == ids.parse("contact", contact_id)) & (columns.subject == me.subject)
    changed = update(tables.contact).where(mine).values(findable=data.findable).returning(columns.verified_at)
    row = (await (await story()).execute(changed)).one_or_none()
    if row is None:
        raise NotFoundException
    if row.verified_at is None:
        raise payee.Unproved
    return data


@get(
    "/v1/me/payment-code",
    operation_id="getMyPaymentCode",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="My payment code",
)
async def get_my_payment_code(
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    amount_minor: Annotated[int | None, QueryParameter(ge=1, le=10**12 - 1, description="Tiyn to ask for.")] = None,
) -> PaymentCodeView:
    """Give the code that payers scan; without an amount the payer chooses it."""
    shown = await _shown(story, house, me)
    money = None if amount_minor is None else Money(amount_minor, KZT)
    return drawn(emv.Code(iban=shown.iban, name=shown.name or "", money=money))


def drawn(code: emv.Code) -> PaymentCodeView:
    """Draw a code."""
    text = emv.write(code)
    picture = segno.make(text, error="m", micro=False)
    png = io.BytesIO()
    picture.save(png, kind="png", scale=8)
    svg = picture.svg_inline(scale=4)
    return PaymentCodeView(text=text, svg=svg, png=base64.b64encode(png.getvalue()).decode())


async def _shown(story: Story, house: House, me: Principal, *, by_account: bool | None = None) -> MyPayeeView:
    db, kms = await story(), house.keys.kms
    iban, shown = await payee.introduce(db, house, me.subject, by_account=by_account, actor=me.actor, at=story.now)
    return MyPayeeView(
        iban=iban,
        by_account=shown.by_account if shown else False,
        contacts=[
            FindableContact(id=ids.show("contact", each.id), kind=each.kind, value=each.value, findable=each.findable)
            for each in await contact.of(db, kms, me.subject)
            if each.verified_at
        ],
        name=shown.name if shown else None,
    )


routes = [look_up_payee, get_my_payee, set_my_payee, set_findable, get_my_payment_code]
