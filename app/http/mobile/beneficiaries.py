"""Bank accounts a resident pays out to, and what a pay-out to one costs and when it is there.

path   POST /v1/beneficiaries  ->  app/banking/beneficiary.py  ->  the worker has the bank compare the names
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from app import person, vault
from app.auth.principal import Principal
from app.banking import banks, beneficiary, paying_out
from app.banking.beneficiary import Beneficiary, Details, Named
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.orders import WindowView
from app.http.wire import LINE, MoneyWire, Wire
from app.idempotency import Once
from law import calendar
from law.money import KZT, Money
from wallet import account

_TAGS = ["Pay-outs"]
BeneficiaryId = Annotated[str, Meta(examples=["beneficiary_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_Name = Annotated[str, Meta(min_length=1, max_length=140, pattern=LINE, examples=["Aigul Nurlanova"])]
_Iban = Annotated[
    str,
    Meta(
        min_length=15,
        max_length=42,
        pattern=r"^[A-Za-z0-9 ]+$(?!\n)",
        description="ISO 13616, of a bank in Kazakhstan.",
        examples=["KZ86125KZT5004100100"],
    ),
]
_Named = Annotated[
    Named,
    Meta(
        description="What the bank says of name and account: `asked` until it has, `unknown` where it can't tell.",
        examples=["match"],
    ),
]


class SaveBeneficiary(Wire, frozen=True):
    """An account to pay to. Of an own account the name is that of the caller's document, and `name` is left out."""

    iban: _Iban
    name: _Name | None = None
    own: bool = False


class Saved(Wire, frozen=True):
    """The account is kept, and the bank is being asked whose it is."""

    id: BeneficiaryId
    own: bool
    named: _Named


class BeneficiaryView(Saved, frozen=True):
    """A saved account."""

    name: _Name
    iban: _Iban
    bank: Annotated[str | None, Meta(description="From the registry of banks.", examples=["Kaspi Bank"])]
    bic: Annotated[str | None, Meta(examples=["CASPKZKA"])]
    saved_at: datetime

    @classmethod
    def of(cls, found: Beneficiary) -> "BeneficiaryView":
        """Show a saved account."""
        return cls(
            id=ids.show("beneficiary", found.id),
            own=found.own,
            named=found.named,
            name=found.details.name,
            iban=found.details.iban,
            bank=found.bank,
            bic=found.bic,
            saved_at=found.saved_at,
        )


class BeneficiaryList(Wire, frozen=True):
    """The saved accounts, newest first."""

    beneficiaries: list[BeneficiaryView]


class ConfirmPayout(Wire, frozen=True):
    """What the passkey is to confirm, but for `idempotency_key`, which is the caller's."""

    operation: Annotated[str, Meta(examples=["payout.send"])]
    shown: dict[str, str | int]


class PayoutTerms(Wire, frozen=True):
    """What a pay-out of this amount costs, and when it is there if it is confirmed now."""

    amount: MoneyWire
    fee: MoneyWire
    expected: WindowView
    confirm: ConfirmPayout


@post(
    "/v1/beneficiaries",
    operation_id="saveBeneficiary",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Save an account to pay to",
)
async def save(
    data: JSONBody[SaveBeneficiary],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[Saved]:
    """Keep a bank account under the caller's key and have the bank compare the names."""

    async def act(story: Story) -> Saved:
        db = await story()
        safe = await vault.of(db, house.keys.kms, me.subject, story.now)
        if data.own or data.name is None:
            who = await person.identified(db, house.keys.kms, me.subject, calendar.statutory_date(story.now))
            name = f"{who.given} {who.surname}"
        else:
            name = data.name
        saved = await beneficiary.save(
            db,
            safe,
            me.subject,
            Details(name, data.iban),
            own=data.own or data.name is None,
            bank=(await banks.issuing(db, house.settings.issuing_bank)).id,
            lane=await account.lane(db, me.subject),
            at=story.now,
        )
        return Saved(id=ids.show("beneficiary", saved.id), own=saved.own, named=saved.named)

    return await once(act, headers=lambda made: {"Location": f"/v1/beneficiaries/{made.id}"})


@get(
    "/v1/beneficiaries",
    operation_id="listBeneficiaries",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Accounts to pay to",
)
async def list_all(
    story: NamedDependency[Story], me: NamedDependency[Principal], house: NamedDependency[House]
) -> BeneficiaryList:
    """List the caller's saved accounts."""
    db = await story()
    safe = await vault.of(db, house.keys.kms, me.subject, story.now)
    found = await beneficiary.listed(db, safe, me.subject)
    return BeneficiaryList(beneficiaries=[BeneficiaryView.of(each) for each in found])


@get(
    "/v1/beneficiaries/{beneficiary_id:str}",
    operation_id="getBeneficiary",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="An account to pay to",
)
async def get_one(
    beneficiary_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> BeneficiaryView:
    """Show a saved account, and what the bank said of the name."""
    return BeneficiaryView.of(await _find(story, me, house, beneficiary_id))


@delete(
    "/v1/beneficiaries/{beneficiary_id:str}",
    operation_id="removeBeneficiary",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Remove an account to pay to",
    status_code=204,
)
async def remove(beneficiary_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]) -> None:
    """Forget a saved account; pay-outs under way go on."""
    await beneficiary.remove(await story(), me.subject, ids.parse("beneficiary", beneficiary_id), at=story.now)


@get(
    "/v1/beneficiaries/{beneficiary_id:str}/payout-terms",
    operation_id="getPayoutTerms",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="What a pay-out costs and when it is there",
)
async def get_terms(
    beneficiary_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    amount_minor: Annotated[
        int, QueryParameter(ge=1, le=2**53 - 1, description="In tiyn; a thousand tenge where nothing is said.")
    ] = 1_000_00,
) -> PayoutTerms:
    """Show fee, rail, cut-off and arrival of a pay-out before it is confirmed."""
    found = await _find(story, me, house, beneficiary_id)
    terms = paying_out.terms(found, Money(amount_minor, KZT), story.now)
    return PayoutTerms(
        amount=MoneyWire.of(terms.money),
        fee=MoneyWire.of(terms.fee),
        expected=WindowView.of(terms.window),
        confirm=ConfirmPayout(operation=paying_out.OPERATION, shown=paying_out.shown(found, terms)),
    )


async def _find(story: Story, me: Principal, house: House, beneficiary_id: str) -> Beneficiary:
    db = await story()
    safe = await vault.of(db, house.keys.kms, me.subject, story.now)
    return await beneficiary.find(db, safe, me.subject, ids.parse("beneficiary", beneficiary_id))


routes = [save, list_all, get_one, remove, get_terms]
