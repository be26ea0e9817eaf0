"""The chart of accounts: what an account may be for, and the rules that come with it.

`CHART` is what code asks. The database has the same lines in `wallet.chart` and refuses an account that breaks them
(migrations/versions/0018_chart.py; tests/wallet/test_chart.py compares the two).

Balances are credits less debits: what we owe is positive, what we own is negative, and everything together is zero in
each currency.
"""

import enum
from collections.abc import Mapping
from typing import NamedTuple

from law.money import KZT, Currency


class Purpose(enum.StrEnum):
    """What an account is for. Its label tells the counterparty, where the line says so."""

    # A resident's.
    WALLET = "wallet"
    PARTNER_ACCOUNT = "partner_account"
    CARD_ACCOUNT = "card_account"
    # The operator's: where the money is.
    BANK = "bank"
    SAFEGUARDING = "safeguarding"
    PARTNER_HOLDINGS = "partner_holdings"
    SANDBOX = "sandbox"
    # The operator's: on its way.
    CARD_CLEARING = "card_clearing"
    CARD_SETTLEMENT = "card_settlement"
    PAYOUT_CLEARING = "payout_clearing"
    INVEST_SETTLEMENT = "invest_settlement"
    TRANSIT = "transit"
    SUSPENSE = "suspense"
    # The operator's: owed to it.
    CARD_RECEIVABLE = "card_receivable"
    DISPUTE_RECEIVABLE = "dispute_receivable"
    # The operator's: its own.
    FEES = "fees"
    INTERCHANGE = "interchange"
    FX_INCOME = "fx_income"
    FX_POSITION = "fx_position"
    ROUNDING = "rounding"
    ADJUSTMENT = "adjustment"
    SCHEME_FEES = "scheme_fees"
    DISPUTE_LOSS = "dispute_loss"
    FRAUD_LOSS = "fraud_loss"


class Side(enum.StrEnum):
    """On which side an account normally stands: DEBIT is owned (negative), CREDIT is owed (positive)."""

    DEBIT = "debit"
    CREDIT = "credit"
    EITHER = "either"


class Owner(enum.StrEnum):
    """Who may hold an account of a line."""

    RESIDENT = "resident"
    OPERATOR = "operator"


class Line(NamedTuple):
    """One line of the chart.

    `floor` is the least that must remain, None where the account may go below zero; `currency` the only one allowed,
    None for any; `label` what the label names, None where it is empty.
    """

    side: Side
    owner: Owner
    floor: int | None
    currency: Currency | None
    label: str | None
    about: str


_CREDIT, _DEBIT, _EITHER = Side.CREDIT, Side.DEBIT, Side.EITHER
_RESIDENT, _OPERATOR = Owner.RESIDENT, Owner.OPERATOR

CHART: Mapping[Purpose, Line] = {
    Purpose.WALLET: Line(_CREDIT, _RESIDENT, 0, KZT, None, "tenge e-money of a resident (Payments Law art. 42)"),
    Purpose.PARTNER_ACCOUNT: Line(_CREDIT, _RESIDENT, 0, None, "bank", "a resident's money at a partner bank"),
    Purpose.CARD_ACCOUNT: Line(
        _CREDIT, _RESIDENT, 0, None, "processor", "a resident's prepaid money for cards billed in it"
    ),
    Purpose.BANK: Line(_DEBIT, _OPERATOR, None, None, "bank", "mirror of the operator's account at a bank"),
    Purpose.SAFEGUARDING: Line(_DEBIT, _OPERATOR, None, KZT, "bank", "money kept apart for the holders of e-money"),
    Purpose.PARTNER_HOLDINGS: Line(_DEBIT, _OPERATOR, None, None, "bank", "what a partner bank holds for residents"),
    Purpose.SANDBOX: Line(_DEBIT, _OPERATOR, None, None, None, "play money of a demo or test installation"),
    Purpose.CARD_CLEARING: Line(_CREDIT, _OPERATOR, None, None, "network", "owed to a card network for purchases"),
    Purpose.CARD_SETTLEMENT: Line(
        _EITHER, _OPERATOR, None, None, "network", "mirror of the account a card network settles by"
    ),
    Purpose.PAYOUT_CLEARING: Line(_CREDIT, _OPERATOR, None, None, "bank", "pay-outs on their way to a bank"),
    Purpose.INVEST_SETTLEMENT: Line(_CREDIT, _OPERATOR, None, None, "bank", "principals placed at a bank"),
    Purpose.TRANSIT: Line(_EITHER, _OPERATOR, None, None, "lane", "what crossed to another lane; zero over all lanes"),
    Purpose.SUSPENSE: Line(_EITHER, _OPERATOR, None, None, None, "money nobody could be found for yet"),
    Purpose.CARD_RECEIVABLE: Line(_DEBIT, _OPERATOR, None, None, None, "paid to merchants, owed by residents"),
    Purpose.DISPUTE_RECEIVABLE: Line(_DEBIT, _OPERATOR, None, None, "network", "given back, owed by a card network"),
    Purpose.FEES: Line(_CREDIT, _OPERATOR, None, None, None, "earned from residents"),
    Purpose.INTERCHANGE: Line(
        _CREDIT, _OPERATOR, None, None, None, "what a card network leaves the operator of purchases"
    ),
    Purpose.FX_INCOME: Line(_CREDIT, _OPERATOR, None, None, None, "earned on exchanges of card payments"),
    Purpose.FX_POSITION: Line(_EITHER, _OPERATOR, None, None, "bank", "the operator's position in a currency"),
    Purpose.ROUNDING: Line(_EITHER, _OPERATOR, None, None, None, "remainders of exchanges"),
    Purpose.ADJUSTMENT: Line(_EITHER, _OPERATOR, None, None, None, "corrections two officers agreed on"),
    Purpose.SCHEME_FEES: Line(_DEBIT, _OPERATOR, None, None, "network", "paid to a card network for its services"),
    Purpose.DISPUTE_LOSS: Line(_DEBIT, _OPERATOR, None, None, None, "disputes the operator lost and bears itself"),
    Purpose.FRAUD_LOSS: Line(_DEBIT, _OPERATOR, None, None, None, "fraud the operator bears itself"),
}
