"""What the network hears of a decision: field 39, the approval code, what was approved, what there is."""

from cards.iso8583 import amounts, flow
from cards.iso8583.telegram import Telegram
from cards.payments.message import Answer
from cards.payments.reason import PARTIAL, UNBOOKED
from law import rounding
from law.money import Money


def decided(asked: Telegram, answer: Answer, *, chip: bytes | None = None) -> Telegram | None:
    """Answer a question as it was decided; `chip` is what proves the answer to the card (field 55).

    What is told is down in the books, but for what none of them could have meant (reason.UNBOOKED).
    """
    if flow.FLOWS[asked.mti].kind is not flow.Kind.QUESTION:
        return flow.reply(asked, answer.code) if answer.reason in UNBOOKED else taken(asked)
    more = _amounts(asked, answer)
    if answer.approved and answer.approval:
        more[38] = answer.approval
    if chip is not None:
        more[55] = chip.hex().upper()
    return flow.reply(asked, answer.code, more)


def taken(asked: Telegram) -> Telegram | None:
    """Answer what is told and not asked: it is down in the books. An advice is never declined."""
    return flow.reply(asked, flow.APPROVED)


def _amounts(asked: Telegram, answer: Answer) -> dict[int, str]:
    """Write what was approved where it is less than was asked, in both currencies, and the balance who asked for it."""
    more: dict[int, str] = {}
    if answer.code == PARTIAL and answer.amount is not None:
        whole, share = amounts.billed(asked), answer.amount
        weights = (share.minor, whole.minor - share.minor)
        more[4] = f"{rounding.allocate(Money(int(asked[4]), whole.currency), weights)[0].minor:012}"
        if asked.get(6) is not None:
            more[6] = f"{share.minor:012}"
    if answer.available is not None:
        more[54] = amounts.balances(answer.available)
    return more
