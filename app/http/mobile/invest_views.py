"""What the resident's app sees of Invest: the wire Structs of app/http/mobile/invest.py."""

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from app.auth import stepup
from app.http import ids
from app.http.wire import CurrencyCode, Minor, MoneyWire, Wire
from app.language import Language
from app.partners.confirming import OPERATION
from app.partners.registry import Partner
from invest.consent import Consent, Text
from invest.interest import DayCount
from invest.life import FACES, Face
from invest.placement import Placement
from invest.position import Position
from invest.preview import Preview
from invest.product import InsuranceClass, Jurisdiction, Offer
from law.money import Money

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="SHA-256 in hex.", examples=["ab" * 32])]
Rate = Annotated[
    str,
    Meta(pattern=r"^0(\.[0-9]+)?$(?!\n)", description="Nominal rate per year: 0.1450 is 14.5 %.", examples=["0.1450"]),
]
ProductId = Annotated[str, Meta(max_length=64, examples=["product_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
PreviewId = Annotated[str, Meta(max_length=64, examples=["preview_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
PlacementId = Annotated[str, Meta(max_length=64, examples=["placement_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Bank = Annotated[str, Meta(examples=["Demo Bank"])]


class ToConfirm(Wire, frozen=True):
    """What to pass to `POST /v1/auth/step-ups` and to show, word for word, before the passkey is asked."""

    operation: Annotated[str, Meta(examples=[OPERATION])]
    shown: stepup.Shown


class GiveConsent(Wire, frozen=True):
    """Which text is agreed to, by its hash, with the passkey's answer over what the text says to show."""

    text_sha256: Sha256
    step_up: stepup.Confirmation | None = None


class ConsentView(Wire, frozen=True):
    """The text in force in the caller's language, and what the caller said last. Nobody is in by default."""

    given: Annotated[bool, Meta(description="Whether the caller is in, by the text in force.")]
    text_version: Annotated[int, Meta(ge=1, examples=[1])]
    text_sha256: Sha256
    text: Annotated[str, Meta(examples=["I take part in e-Residency Invest of my own will. …"])]
    confirm: ToConfirm
    said_at: datetime | None = None

    @classmethod
    def of(cls, text: Text, said: Consent | None, *, given: bool, language: Language) -> "ConsentView":
        """Show where the caller stands."""
        return cls(
            given=given,
            text_version=text.version,
            text_sha256=text.sha256.hex(),
            text=text.languages[language],
            confirm=ToConfirm(operation="invest.consent", shown=agreement(text)),
            said_at=said.at if said else None,
        )


class EarlyExitView(Wire, frozen=True):
    """Leaving before maturity: notice, the rate that then applies, and the most interest it can cost."""

    notice_days: Annotated[int, Meta(ge=0, examples=[30])]
    rate: Rate


class ProductView(Wire, frozen=True):
    """A product by its current terms; their hash is what a placement agrees to."""

    id: ProductId
    code: Annotated[str, Meta(examples=["demo-bank-12m-savings"])]
    name: Annotated[str, Meta(examples=["Savings deposit, 12 months"])]
    bank: Bank
    jurisdiction: Annotated[Jurisdiction, Meta(examples=["RK"])]
    currency: CurrencyCode
    rate: Rate
    day_count: Annotated[DayCount, Meta(examples=["act_365f"])]
    term_days: Annotated[int, Meta(ge=1, examples=[365])]
    minimum_minor: Minor
    maximum_minor: Minor
    step_minor: Minor
    early_exit: EarlyExitView
    insurance: Annotated[InsuranceClass, Meta(examples=["savings"])]
    insurance_note: Annotated[str, Meta(examples=["Covered by the Deposit Insurance Fund up to the limit shown. …"])]
    terms_version: Annotated[int, Meta(ge=1, examples=[1])]
    terms_sha256: Sha256

    @classmethod
    def of(cls, offer: Offer, bank: str, language: Language) -> "ProductView":
        """Show an offer."""
        terms = offer.terms
        return cls(
            id=ids.show("product", offer.product),
            code=offer.code,
            name=terms.name[language.value],
            bank=bank,
            jurisdiction=offer.jurisdiction,
            currency=str(offer.currency),
            rate=str(terms.rate),
            day_count=terms.day_count,
            term_days=terms.term_days,
            minimum_minor=terms.minimum_minor,
            maximum_minor=terms.maximum_minor,
            step_minor=terms.step_minor,
            early_exit=EarlyExitView(notice_days=terms.early_exit.notice_days, rate=str(terms.early_exit.rate)),
            insurance=terms.insurance,
            insurance_note=_notes()[terms.insurance][language],
            terms_version=offer.terms_version,
            terms_sha256=offer.terms_sha256.hex(),
        )


class Products(Wire, frozen=True):
    """What is offered now."""

    products: list[ProductView]


class AskPreview(Wire, frozen=True):
    """How much to place on which product."""

    product_id: ProductId
    amount_minor: Minor


class CoverView(Wire, frozen=True):
    """How much of this placement the Deposit Insurance Fund would pay back, at most; no limit where it pays nothing."""

    limit: MoneyWire | None
    covered: MoneyWire
    uncovered: MoneyWire


class PreviewView(Wire, frozen=True):
    """A placement as it would be: what it pays, costs and risks. It may be confirmed until `expires_at`, once."""

    id: PreviewId
    product: ProductView
    principal: MoneyWire
    interest: MoneyWire
    total: Annotated[MoneyWire, Meta(description="Paid to the wallet at maturity.")]
    fee: MoneyWire
    interest_lost_max: Annotated[MoneyWire, Meta(description="The most an early exit can cost.")]
    starts_on: Annotated[date, Meta(description="First day of interest, in Kazakhstan.")]
    matures_on: Annotated[date, Meta(description="Day of repayment; it earns no interest itself.")]
    days: Annotated[int, Meta(ge=1, examples=[365])]
    insurance: CoverView
    free_balance: MoneyWire
    affordable: Annotated[bool, Meta(description="Whether the free balance is enough now.")]
    expires_at: datetime
    confirm: ToConfirm

    @classmethod
    def of(cls, shown: Preview, offer: Offer, partner: Partner, free: Money, language: Language) -> "PreviewView":
        """Show a preview."""
        quote, cover = shown.quote, shown.quote.cover
        return cls(
            id=ids.show("preview", shown.id),
            product=ProductView.of(offer, partner.name, language),
            principal=MoneyWire.of(quote.principal),
            interest=MoneyWire.of(quote.interest),
            total=MoneyWire.of(quote.total),
            fee=MoneyWire.of(quote.fee),
            interest_lost_max=MoneyWire.of(quote.interest_lost_max),
            starts_on=quote.starts_on,
            matures_on=quote.matures_on,
            days=quote.days,
            insurance=CoverView(
                limit=MoneyWire.of(cover.limit) if cover.limit else None,
                covered=MoneyWire.of(cover.covered),
                uncovered=MoneyWire.of(cover.uncovered),
            ),
            free_balance=MoneyWire.of(free),
            affordable=free >= quote.principal,
            expires_at=shown.expires_at,
            confirm=ToConfirm(operation=OPERATION, shown=to_show(shown, offer, partner)),
        )


def agreement(text: Text) -> stepup.Shown:
    """Write down what the person agrees to."""
    return {"consent_version": text.version, "text_sha256": text.sha256.hex()}


def to_show(shown: Preview, offer: Offer, partner: Partner) -> stepup.Shown:
    """Write down what the person confirms: payee and amount above all (dynamic linking, RTS 2018/389 art. 5)."""
    return {
        "payee": partner.name,
        "amount_minor": shown.quote.principal.minor,
        "currency": str(shown.quote.principal.currency),
        "interest_minor": shown.quote.interest.minor,
        "starts_on": shown.quote.starts_on.isoformat(),
        "matures_on": shown.quote.matures_on.isoformat(),
        "terms_sha256": offer.terms_sha256.hex(),
        "preview_id": ids.show("preview", shown.id),
    }


class ConfirmPlacement(Wire, frozen=True):
    """The preview to confirm, with the passkey's answer to the step-up over what the preview says to show."""

    preview_id: PreviewId
    step_up: stepup.Confirmation | None = None


class PlacementView(Wire, frozen=True):
    """A placement and how far it has come. While `processing`, the money is set aside in the wallet."""

    id: PlacementId
    state: Annotated[Face, Meta(examples=["processing"])]
    bank: Bank
    principal: MoneyWire
    interest: MoneyWire
    starts_on: date
    matures_on: date
    terms_sha256: Sha256
    requested_at: datetime
    version: Annotated[int, Meta(ge=1, description="Grows with every step.", examples=[1])]
    bank_reference: Annotated[str | None, Meta(examples=["DB-000042"])] = None
    reason: Annotated[str | None, Meta(description="Why it was rejected, in a word.", examples=["limit_reached"])] = (
        None
    )

    @classmethod
    def of(cls, found: Placement, offer: Offer, bank: str) -> "PlacementView":
        """Show a placement."""
        return cls(
            id=ids.show("placement", found.id),
            state=FACES[found.state],
            bank=bank,
            principal=MoneyWire.of(found.principal),
            interest=MoneyWire.of(found.interest),
            starts_on=found.starts_on,
            matures_on=found.matures_on,
            terms_sha256=offer.terms_sha256.hex(),
            requested_at=found.requested_at,
            version=found.version,
            bank_reference=found.bank_reference,
            reason=found.reason,
        )


class PlacementPage(Wire, frozen=True):
    """A page of placements, newest first; `next_cursor` is absent on the last."""

    placements: list[PlacementView]
    next_cursor: str | None = None


class PositionView(Wire, frozen=True):
    """A deposit that exists at the bank. `accrued` is what it has earned so far; it is paid at maturity."""

    placement: PlacementView
    product: ProductView
    accrued: MoneyWire

    @classmethod
    def of(cls, found: Position, bank: str, language: Language) -> "PositionView":
        """Show a position."""
        return cls(
            placement=PlacementView.of(found.placement, found.offer, bank),
            product=ProductView.of(found.offer, bank, language),
            accrued=MoneyWire.of(found.accrued),
        )


class Positions(Wire, frozen=True):
    """Every deposit of the caller, oldest first, as of the start of the day `as_of` in Kazakhstan."""

    as_of: date
    positions: list[PositionView]


@cache
def _notes() -> dict[InsuranceClass, dict[Language, str]]:
    notes = tomllib.loads(Path(__file__).with_name("invest.toml").read_text(encoding="utf-8"))["insurance"]
    return {kind: {tag: notes[kind][tag] for tag in Language} for kind in InsuranceClass}
