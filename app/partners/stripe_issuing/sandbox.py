"""What a tester makes happen to a card at Stripe, in its test world: purchases and what becomes of them.

Each is one of Stripe's test helpers. Stripe then asks and tells as it does in earnest. The adapter has none of this
where the installation is in production: its key opens the other world, which has no such helpers.
"""

from collections.abc import Awaitable
from typing import Any

from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import StripeIssuing
from cards.processing.processor import Refused, Unknown


class NotPlayed(Exception):
    """Stripe's test world would not, or did not answer."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Shop:
    """A shop, by Stripe's test helpers, and whoever pays there with a card. Amounts are minor units of the card."""

    def __init__(self, issuer: StripeIssuing) -> None:
        self._client = issuer.client

    @property
    def _helpers(self) -> Any:  # noqa: ANN401  the SDK's services
        return self._client.api.v1.test_helpers.issuing

    async def pays(self, card: str, amount: int, **more: Any) -> Any:  # noqa: ANN401  fields and an object of the SDK
        """Ask for money; `more` says at which merchant, how the card was there, and whether less would do."""
        params = {"card": card, "amount": amount, **more}
        return await _played(self._helpers.authorizations.create_async(params, self._client.options()))

    async def asks_more(self, purchase: str, amount: int) -> Any:  # noqa: ANN401  an object of the SDK
        """Ask for so much more."""
        params = {"increment_amount": amount}
        return await _played(self._helpers.authorizations.increment_async(purchase, params, self._client.options()))

    async def gives_up(self, purchase: str, amount: int | None = None) -> Any:  # noqa: ANN401  an object of the SDK
        """Give up what was promised, or a part of it."""
        params: Any = {} if amount is None else {"reverse_amount": amount}
        return await _played(self._helpers.authorizations.reverse_async(purchase, params, self._client.options()))

    async def lets_lapse(self, purchase: str) -> Any:  # noqa: ANN401  an object of the SDK
        """Never take what was promised."""
        return await _played(self._helpers.authorizations.expire_async(purchase, {}, self._client.options()))

    async def takes(self, purchase: str, amount: int | None = None, *, last: bool = True) -> Any:  # noqa: ANN401  an object of the SDK
        """Take what was promised, more, or a part of it."""
        params: Any = {"close_authorization": last} | ({} if amount is None else {"capture_amount": amount})
        return await _played(self._helpers.authorizations.capture_async(purchase, params, self._client.options()))

    async def forces(self, card: str, amount: int) -> Any:  # noqa: ANN401  an object of the SDK
        """Take what nobody was asked for."""
        params = {"card": card, "amount": amount}
        return await _played(self._helpers.transactions.create_force_capture_async(params, self._client.options()))

    async def gives_back(self, transaction: str, amount: int | None = None) -> Any:  # noqa: ANN401  an object of the SDK
        """Give back what was taken, or a part of it."""
        params: Any = {} if amount is None else {"refund_amount": amount}
        return await _played(self._helpers.transactions.refund_async(transaction, params, self._client.options()))

    async def gives(self, card: str, amount: int) -> Any:  # noqa: ANN401  an object of the SDK
        """Give back something that was never taken with this card."""
        params = {"card": card, "amount": amount}
        return await _played(self._helpers.transactions.create_unlinked_refund_async(params, self._client.options()))

    async def sends(self, card: str, status: str) -> Any:  # noqa: ANN401  an object of the SDK
        """Have a plastic card be where `status` says: submitted, shipped, delivered, returned, failure."""
        cards = self._helpers.cards
        helper = {
            "submitted": cards.submit_card_async,
            "shipped": cards.ship_card_async,
            "delivered": cards.deliver_card_async,
            "returned": cards.return_card_async,
            "failure": cards.fail_card_async,
        }[status]
        return await _played(helper(card, {}, self._client.options()))


async def _played(asked: Awaitable[Any]) -> Any:  # noqa: ANN401  an object of the SDK
    answer = await told(asked)
    if isinstance(answer, Refused | Unknown):
        raise NotPlayed(answer.detail if isinstance(answer, Refused) else answer.trouble)
    return answer
