"""Why a payment is disputed: what each reason needs, until when who has to act, and when the money is given back first.

RULES is what code asks. The terms are those of our sandbox network, taken after the dispute conditions of the large
ones (Visa: fraud 10.x, authorisation 11.x, processing errors 12.x, consumer disputes 13.x), whose numbers `condition`
names for those who know them. Another network is another table, not another rule in code.

The networks' own rules are not public; what is publicly said of them, and what is only the operator's assumption, each
term says for itself: source(). Read on 2026-11-22; a licensed programme puts its network's rules in their place.
"""

import enum
from collections.abc import Mapping
from datetime import date, timedelta

import msgspec

from law.money import KZT, Money


class Reason(enum.StrEnum):
    """What the cardholder says; texts are in app/http/mobile/disputes.toml."""

    FRAUD_CARD_ABSENT = "fraud_card_absent"
    FRAUD_CARD_PRESENT = "fraud_card_present"
    COUNTERFEIT_CARD = "counterfeit_card"
    NOT_AUTHORIZED = "not_authorized"
    NOT_RECEIVED = "not_received"
    NOT_AS_DESCRIBED = "not_as_described"
    COUNTERFEIT_GOODS = "counterfeit_goods"
    DUPLICATE = "duplicate"
    PAID_OTHERWISE = "paid_otherwise"
    WRONG_AMOUNT = "wrong_amount"
    CANCELLED_RECURRING = "cancelled_recurring"
    CANCELLED_GOODS = "cancelled_goods"
    CREDIT_NOT_PROCESSED = "credit_not_processed"
    ATM_NO_CASH = "atm_no_cash"
    ATM_PART_CASH = "atm_part_cash"


class Proof(enum.StrEnum):
    """What a file shows."""

    DECLARATION = "declaration"  # the cardholder's signed word that it was somebody else
    RECEIPT = "receipt"
    ORDER = "order"  # what was agreed: an order, a booking, terms
    CORRESPONDENCE = "correspondence"  # what was written to the merchant, and answered
    PHOTO = "photo"
    RETURNED = "returned"  # a tracking number, a receipt of a return
    CANCELLATION = "cancellation"
    CREDIT_NOTE = "credit_note"
    OTHER_PAYMENT = "other_payment"  # how the purchase was paid in truth
    EXPERT = "expert"  # somebody who knows says what it is
    OTHER = "other"


class Since(enum.StrEnum):
    """From which day the terms run."""

    TAKEN = "taken"  # the network took the money
    EXPECTED = "expected"  # the day the goods, the credit or the end was due, as the person names it


class Credit(enum.StrEnum):
    """When the person gets the money back before anything is decided."""

    AT_ONCE = "at_once"
    IN_DAYS = "in_days"  # within `credit_days` working days
    WITH_CHARGEBACK = "with_chargeback"  # when the network has given it to us


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a term is from: `says` is what is said there; without a `url` it is the operator's assumption."""

    says: str
    url: str | None = None


ASSUMED = Source(says="the operator's assumption, within what the network leaves")
#: Verifi is Visa's own company; it restates the Visa Core Rules of 17 April 2021 and their change of October 2021.
FILED_IN_TIME = Source(
    says="120 days from the transaction, or from when something was due (13.1, 13.3, 13.6), and 540 at the latest",
    url="https://www.verifi.com/update-to-dispute-condition-13-6/",
)
ANSWERED_IN_TIME = Source(
    says="Visa: 30 days for the merchant's answer, 30 days for the answer to a pre-arbitration",
    url="https://docs.chargeflow.io/docs/reference/concepts/network-timelines",
)
NOT_FOUND = Source(
    says="75 days for authorisation disputes (11.x) is what is commonly told of Visa's rules; no public text of theirs"
    " was found, so it is an assumption",
)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with a reason. Days are calendar days but for `credit_days`, which are worked.

    claim_days      the cardholder has to tell us, from the day `since` names
    complete_days   and then to hand in what is missing
    file_days       we have to tell the network, from that same day
    answer_days     the merchant's bank may contest, from our filing
    second_days     we may insist, from its answer; and again, from its second answer
    final_days      its second answer
    ruling_days     the network decides; nothing happens by itself when it is late
    """

    condition: str
    since: Since = Since.TAKEN
    claim_days: int = 110
    complete_days: int = 10
    file_days: int = 120
    answer_days: int = 30
    second_days: int = 30
    final_days: int = 30
    ruling_days: int = 60
    needs: tuple[Proof, ...] = ()
    credit: Credit = Credit.IN_DAYS
    credit_days: int = 10
    cash: bool = False
    fraud: bool = False
    filed: Source = FILED_IN_TIME

    def source(self, term: str) -> Source:
        """Say where a term is from, by its name."""
        told = {"file_days": self.filed, "answer_days": ANSWERED_IN_TIME, "final_days": ANSWERED_IN_TIME}
        return told.get(term, ASSUMED)

    def claim_until(self, since_on: date) -> date:
        """Answer the last day for the cardholder."""
        return since_on + timedelta(days=self.claim_days)

    def file_until(self, since_on: date) -> date:
        """Answer the last day for us at the network."""
        return since_on + timedelta(days=self.file_days)


def _fraud(condition: str) -> Rule:
    return Rule(condition=condition, needs=(Proof.DECLARATION,), credit=Credit.AT_ONCE, fraud=True)


def _expected(condition: str, *needs: Proof) -> Rule:
    return Rule(condition=condition, since=Since.EXPECTED, needs=needs, credit=Credit.WITH_CHARGEBACK)


def _cash(condition: str) -> Rule:
    return Rule(condition=condition, credit_days=5, cash=True)


RULES: Mapping[Reason, Rule] = {
    Reason.FRAUD_CARD_ABSENT: _fraud("10.4"),
    Reason.FRAUD_CARD_PRESENT: _fraud("10.3"),
    Reason.COUNTERFEIT_CARD: _fraud("10.1"),
    Reason.NOT_AUTHORIZED: Rule(condition="11.3", claim_days=65, file_days=75, filed=NOT_FOUND),
    Reason.NOT_RECEIVED: _expected("13.1", Proof.ORDER, Proof.CORRESPONDENCE),
    Reason.NOT_AS_DESCRIBED: _expected("13.3", Proof.ORDER, Proof.PHOTO, Proof.RETURNED),
    Reason.COUNTERFEIT_GOODS: _expected("13.4", Proof.ORDER, Proof.EXPERT),
    Reason.DUPLICATE: Rule(condition="12.6.1"),
    Reason.PAID_OTHERWISE: Rule(condition="12.6.2", needs=(Proof.OTHER_PAYMENT,)),
    Reason.WRONG_AMOUNT: Rule(condition="12.5", needs=(Proof.RECEIPT,)),
    Reason.CANCELLED_RECURRING: Rule(condition="13.2", needs=(Proof.CANCELLATION,)),
    Reason.CANCELLED_GOODS: _expected("13.7", Proof.CANCELLATION, Proof.RETURNED),
    Reason.CREDIT_NOT_PROCESSED: _expected("13.6", Proof.CREDIT_NOTE),
    Reason.ATM_NO_CASH: _cash("13.9"),
    Reason.ATM_PART_CASH: _cash("13.9"),
}

#: However late something was due, nobody is asked about a payment so old (FILED_IN_TIME).
LATEST_DAYS = 540
#: An officer looks before the network is told of more than this.
REVIEWED_ABOVE = Money(200_000_00, KZT)
#: A loss up to this is borne by the word of one rule; above it by that of two officers.
BORNE_UP_TO = Money(5_000_00, KZT)
#: Until then a credit may be taken back; what takes longer is not the person's fault.
REVERSIBLE_FOR = timedelta(days=365)
#: A credit is taken back so long after the person was told.
NOTICE = timedelta(days=10)
#: How long before a term of the person we remind them.
REMIND_BEFORE = timedelta(days=3)
