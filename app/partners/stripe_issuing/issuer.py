"""The line to Stripe: each verb is one request, and what came of it an answer.

asks       app/cards/processing.py                  commands, row by row
           app/cards/stripe_processor.py            sessions, while the holder waits
answers    app/partners/stripe_issuing/issuer.py    StripeIssuing      <- you are here

A reference is Stripe's id. A frozen or suspended card of ours is `inactive` there.
"""

import calendar
import io
from datetime import UTC, date, datetime
from typing import Any

import httpx

from app.partners.stripe_issuing import controls, disputes
from app.partners.stripe_issuing.client import VERSION, Client, sdk, told
from app.partners.stripe_issuing.programme import StripeProgramme
from app.settings import Settings
from cards.card import Closing, Form
from cards.processing.processor import (
    Address,
    Cardholder,
    Claim,
    Destination,
    Device,
    Done,
    Issued,
    NewCard,
    Permits,
    Refused,
    Session,
    Shown,
    Status,
    Successor,
    Told,
    Unknown,
    Why,
)
from cards.proofs.token import Life

CODE = "stripe"
#: Kinds that are listed; the question itself is answered or it is over.
KINDS = (
    "issuing_authorization.created",
    "issuing_authorization.updated",
    "issuing_card.created",
    "issuing_card.updated",
    "issuing_cardholder.created",
    "issuing_cardholder.updated",
    "issuing_dispute.closed",
    "issuing_dispute.created",
    "issuing_dispute.funds_reinstated",
    "issuing_dispute.funds_rescinded",
    "issuing_dispute.submitted",
    "issuing_dispute.updated",
    "issuing_token.created",
    "issuing_token.updated",
    "issuing_transaction.created",
    "issuing_transaction.updated",
    "topup.succeeded",
)
_PAGE = 100
_STATUS = {Status.INACTIVE: "inactive", Status.ACTIVE: "active", Status.CLOSED: "canceled"}
_OURS = {theirs: ours for ours, theirs in _STATUS.items()}
_FORM = {Form.VIRTUAL: "virtual", Form.PLASTIC: "physical"}
_TOKEN = {Life.ACTIVE: "active", Life.SUSPENDED: "suspended", Life.DELETED: "deleted"}
#: Why a card goes, as far as Stripe wants to know.
_GONE = {Closing.LOST: "lost", Closing.STOLEN: "stolen"}
_REPLACED = {
    Closing.LOST: "lost",
    Closing.STOLEN: "stolen",
    Closing.DAMAGED: "damaged",
    Closing.EXPIRED: "expired",
}


def opened(settings: Settings, http: httpx.AsyncClient) -> "StripeIssuing | None":
    """Open the programme an installation has, if it has one, and only then import the SDK; nothing is asked yet."""
    if settings.stripe_programme is None:
        return None
    sdk()  # a third of a second, which the first purchase would wait for with all who ask meanwhile
    client = Client(lambda: settings.secret("stripe_key") or "", http, address=settings.stripe_url)
    return StripeIssuing(client, settings.stripe_programme)


class StripeIssuing:
    """The processor of a programme with Stripe."""

    code = CODE

    def __init__(self, client: Client, programme: StripeProgramme) -> None:
        self.client = client
        self.programme = programme

    async def create_cardholder(self, asked: Cardholder, key: str) -> Done | Refused | Unknown:
        """Make somebody known to Stripe; who lives where it does not serve is refused before it is asked."""
        if asked.address is None:
            return Refused(Why.NOT_ACCEPTED, "Stripe has to know where somebody lives")
        if asked.address.country not in self.programme.lives:
            return Refused(Why.NOT_OFFERED, f"Stripe issues no cards to residents of {asked.address.country}")
        params: dict[str, Any] = {
            "type": "individual",
            "name": f"{asked.given_names} {asked.surname}"[:24],
            "billing": {"address": address(asked.address)},
            "status": "active",
            "metadata": {"cardholder": str(asked.id)},
        }
        params.update(_person(asked))
        return _done(await told(self.client.api.v1.issuing.cardholders.create_async(params, self.client.options(key))))

    async def update_cardholder(self, reference: str, asked: Cardholder, key: str) -> Done | Refused | Unknown:
        """Tell Stripe what changed; the name on the cards stays."""
        if asked.address is not None and asked.address.country not in self.programme.lives:
            return Refused(Why.NOT_OFFERED, f"Stripe issues no cards to residents of {asked.address.country}")
        params: dict[str, Any] = {"billing": {"address": address(asked.address)}} if asked.address else {}
        params.update(_person(asked))
        return _done(
            await told(self.client.api.v1.issuing.cardholders.update_async(reference, params, self.client.options(key)))
        )

    async def issue_card(self, asked: NewCard, key: str) -> Issued | Refused | Unknown:
        """Make a card, in the programme's currency."""
        if asked.currency is not self.programme.currency:
            return Refused(Why.NOT_OFFERED, f"cards of this programme are billed in {self.programme.currency}")
        if asked.form is Form.PLASTIC and asked.ship_to is None:
            return Refused(Why.NOT_ACCEPTED, "plastic is sent somewhere")
        params: dict[str, Any] = {
            "cardholder": asked.cardholder,
            "currency": asked.currency.value.lower(),
            "type": _FORM[asked.form],
            "status": _STATUS[asked.status],
            "spending_controls": controls.spending_controls(asked.permits, self.programme),
            "metadata": {"card": str(asked.id)},
        }
        if asked.ship_to is not None:
            params["shipping"] = shipping(asked.ship_to)
        made = await told(self.client.api.v1.issuing.cards.create_async(params, self.client.options(key)))
        return issued(made) if not isinstance(made, Refused | Unknown) else made

    async def set_status(
        self, reference: str, status: Status, key: str, *, why: Closing | None = None
    ) -> Done | Refused | Unknown:
        """Stop a card, let it go on, or cancel it, which Stripe never takes back; what is so needs no asking."""
        params: Any = {"status": _STATUS[status]}
        if status is Status.CLOSED and why in _GONE:
            params["cancellation_reason"] = _GONE[why]
        issued_cards = self.client.api.v1.issuing.cards
        answer = _done(await told(issued_cards.update_async(reference, params, self.client.options(key))))
        if isinstance(answer, Refused):
            there = await told(issued_cards.retrieve_async(reference, options=self.client.options()))
            if not isinstance(there, Refused | Unknown) and there.status == _STATUS[status]:
                return Done(reference)
        return answer

    async def replace(self, reference: str, asked: Successor, key: str) -> Issued | Refused | Unknown:
        """Make a card in the place of one, as it was, which is cancelled.

        What was lost or stolen is so first, by Stripe's rule; else once its heir can be used: a virtual one at once.
        """
        if asked.why not in _REPLACED:
            return Refused(Why.NOT_OFFERED, f"Stripe replaces no card that is {asked.why}")
        before = await told(self.client.api.v1.issuing.cards.retrieve_async(reference, options=self.client.options()))
        if isinstance(before, Refused | Unknown):
            return before
        if asked.why in _GONE and before.status != "canceled":
            stopped = await self.set_status(reference, Status.CLOSED, f"{key}-stop", why=asked.why)
            if not isinstance(stopped, Done):
                return stopped
        made = await told(
            self.client.api.v1.issuing.cards.create_async(_successor(before, asked), self.client.options(key))
        )
        return made if isinstance(made, Refused | Unknown) else await self.succeeded(before, made, key)

    async def succeeded(self, before: Any, made: Any, key: str) -> Issued | Unknown:  # noqa: ANN401  cards of the SDK
        """Cancel a card whose heir was made and can be used, unless it is so."""
        if made.status == "active" and before.status != "canceled":
            over = await self.set_status(before.id, Status.CLOSED, f"{key}-over")
            if isinstance(over, Unknown):
                return over
        return issued(made)

    async def set_controls(self, reference: str, permits: Permits, key: str) -> Done | Refused | Unknown:
        """Say what Stripe stops by itself."""
        wanted = controls.spending_controls(permits, self.programme)
        return _done(
            await told(
                self.client.api.v1.issuing.cards.update_async(
                    reference, {"spending_controls": wanted}, self.client.options(key)
                )
            )
        )

    async def ship(self, reference: str, to: Destination, key: str) -> Done | Refused | Unknown:
        """Have a card that is not on its way sent elsewhere."""
        params: Any = {"shipping": shipping(to)}
        return _done(
            await told(self.client.api.v1.issuing.cards.update_async(reference, params, self.client.options(key)))
        )

    async def set_token(self, reference: str, state: Life, key: str) -> Done | Refused | Unknown:
        """Pause a card in a wallet, let it go on, or take it out for good; what is so already needs no asking."""
        tokens, params = self.client.api.v1.issuing.tokens, {"status": _TOKEN[state]}
        answer = _done(await told(tokens.update_async(reference, params, self.client.options(key))))
        if isinstance(answer, Refused):
            there = await told(tokens.retrieve_async(reference, options=self.client.options()))
            if not isinstance(there, Refused | Unknown) and there.status == _TOKEN[state]:
                return Done(reference)
        return answer

    async def set_pin(self, reference: str, sealed: Shown, key: str) -> Done | Refused | Unknown:
        """Hand a PIN on that the device encrypted for Stripe."""
        pin: Any = {"pin": {"encrypted_number": sealed.text}}
        return _done(
            await told(self.client.api.v1.issuing.cards.update_async(reference, pin, self.client.options(key)))
        )

    async def reveal_session(self, reference: str, device: Device, key: str) -> Session | Refused | Unknown:
        """Open an ephemeral key for the nonce of Stripe's own library: the number never comes by us."""
        if device.nonce is None:
            return Refused(Why.NOT_ACCEPTED, "Stripe's library on the device gives a nonce first")
        return await self._session({"issuing_card": reference, "nonce": device.nonce}, key)

    async def provision_wallet(self, reference: str, device: Device, key: str) -> Session | Refused | Unknown:  # noqa: ARG002  the wallet is the device's
        """Open an ephemeral key with which the app on the device pushes the card into its wallet."""
        return await self._session({"issuing_card": reference}, key)

    async def _session(self, params: Any, key: str) -> Session | Refused | Unknown:  # noqa: ANN401  the SDK's params
        options: dict[str, Any] = self.client.options(key)
        options["stripe_version"] = VERSION
        made = await told(self.client.api.v1.ephemeral_keys.create_async(params, options))
        if isinstance(made, Refused | Unknown):
            return made
        assert made.secret is not None, "a key that was just made is shown once"
        return Session(secret=Shown(made.secret), expires_at=datetime.fromtimestamp(made.expires, UTC))

    async def upload(self, name: str, content: bytes, key: str) -> Done | Refused | Unknown:
        """Hand a file in that shows what happened with a purchase; Stripe's files have a host of their own."""
        file = io.BytesIO(content)
        file.name = name  # by which the SDK names it; what it is, its bytes say
        params: Any = {"purpose": "dispute_evidence", "file": file}
        return _done(await told(self.client.api.v1.files.create_async(params, self.client.options(key))))

    async def submit_dispute(self, asked: Claim, key: str) -> Done | Refused | Unknown:
        """Make a dispute and submit it: two requests, whose keys follow from ours."""
        made = await told(
            self.client.api.v1.issuing.disputes.create_async(disputes.params(asked), self.client.options(key))
        )
        if isinstance(made, Refused | Unknown):
            return made
        return _done(
            await told(
                self.client.api.v1.issuing.disputes.submit_async(made.id, {}, self.client.options(f"{key}-submit"))
            )
        )

    async def list_events(self, since: datetime) -> list[Told] | Unknown:
        """List what Stripe told from then on, the oldest first; Stripe keeps events for 30 days."""
        return await collected(self.client, since)


async def collected(client: Client, since: datetime) -> list[Told] | Unknown:
    """Page through Stripe's events, which come the newest first."""

    async def walk() -> list[Any]:
        listing = await client.api.v1.events.list_async(
            {"types": list(KINDS), "limit": _PAGE, "created": {"gte": int(since.timestamp())}}, client.options()
        )
        return [event async for event in listing.auto_paging_iter()]

    found = await told(walk())
    if isinstance(found, Refused):
        return Unknown(found.detail)
    if isinstance(found, Unknown):
        return found
    events = [
        Told(
            event=event.id,
            kind=event.type,
            about=event.data.object["id"],
            at=datetime.fromtimestamp(event.created, UTC),
        )
        for event in found
    ]
    return sorted(events, key=lambda event: (event.at, event.event))


def issued(card: Any) -> Issued:  # noqa: ANN401  a card of the SDK
    """Read a card of Stripe's."""
    last = calendar.monthrange(card.exp_year, card.exp_month)[1]
    return Issued(
        reference=card.id,
        last4=card.last4,
        expires_on=date(card.exp_year, card.exp_month, last),
        status=_OURS[card.status],
    )


def address(where: Address) -> Any:  # noqa: ANN401  an address of the SDK's params, which name each one anew
    """Write an address."""
    optional = {"line2": where.line2, "state": where.region}
    given = {"line1": where.line1, "city": where.city, "postal_code": where.postal_code, "country": where.country}
    return {**given, **{name: text for name, text in optional.items() if text}}


def shipping(to: Destination) -> Any:  # noqa: ANN401  as address()
    """Write where a card is sent. Stripe has two lines: what does not fit the first goes on the second."""
    lines = {"line1": to.lines[0], "line2": ", ".join(to.lines[1:])}
    place = {"city": to.city, "postal_code": to.postcode, "country": to.country}
    return {
        "name": to.recipient,
        "address": {name: text for name, text in {**lines, **place}.items() if text},
        "phone_number": to.phone,
        "service": "standard",
    }


def _person(asked: Cardholder) -> Any:  # noqa: ANN401  the part that creating and updating have in common
    born = asked.born_on
    contact = {"email": asked.email, "phone_number": asked.phone}
    return {
        "individual": {
            "first_name": asked.given_names,
            "last_name": asked.surname,
            "dob": {"day": born.day, "month": born.month, "year": born.year},
        },
        "preferred_locales": ["en"],
        **{name: text for name, text in contact.items() if text},
    }


def _successor(before: Any, asked: Successor) -> dict[str, Any]:  # noqa: ANN401  a card of the SDK
    allowed = before.spending_controls
    limits = [{"amount": limit.amount, "interval": limit.interval} for limit in allowed.spending_limits or ()]
    return {
        "cardholder": before.cardholder.id,
        "currency": before.currency,
        "type": before.type,
        "status": "inactive" if before.type == "physical" else "active",
        "replacement_for": before.id,
        "replacement_reason": _REPLACED[asked.why],
        "spending_controls": {"blocked_categories": list(allowed.blocked_categories or ()), "spending_limits": limits},
        "metadata": {"card": str(asked.id)},
        **({"shipping": shipping(asked.ship_to)} if asked.ship_to else {}),
    }


def _done(answered: Any) -> Done | Refused | Unknown:  # noqa: ANN401  an object of Stripe's, or why there is none
    return answered if isinstance(answered, Refused | Unknown) else Done(answered.id)
