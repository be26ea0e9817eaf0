"""What the bank does when the house orders something: it pays, exchanges, opens accounts, compares names, sends back.

Every order is decided once, after a while, and its effect on the bank's own accounts is written with the decision. The
account that keeps the house's money is one of them; its entries are the statement of the day.
"""

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from simulators.bank_books import Books, Json, Row
from simulators.faults import Faults

SAFE = "safeguarding"
#: Tenge for one unit, as the National Bank might publish it, and what this bank takes of it on either side.
PUBLISHED = {"USD": Decimal("526.31"), "EUR": Decimal("611.48"), "CNY": Decimal("73.92"), "KZT": Decimal(1)}
SPREAD = Decimal("0.0075")
QUOTE_LIVES_S = 60
_RATE_DIGITS = Decimal("0.000000000001")


def quote(asked: Json) -> Json:
    """Name a price for what is asked: units of the bought currency for one of the sold."""
    fixed, other = asked["currency"], asked["other_currency"]
    sells, buys = (fixed, other) if asked["side"] == "sells" else (other, fixed)
    published = PUBLISHED[sells] / PUBLISHED[buys]
    rate = (published * (1 - SPREAD)).quantize(_RATE_DIGITS)
    minor = Decimal(asked["amount_minor"])
    got = _round(minor * rate) if asked["side"] == "sells" else int(minor)
    given = int(minor) if asked["side"] == "sells" else _round(minor / rate)
    return {
        "quote_id": asked["quote_id"],
        "bank_quote": f"Q-{asked['quote_id'][-12:]}",
        "sells_minor": given,
        "sells_currency": sells,
        "buys_minor": got,
        "buys_currency": buys,
        "rate": f"{rate:f}",
        "reference_rate": f"{published.quantize(_RATE_DIGITS):f}",
        "source": "National Bank of Kazakhstan, demo",
        "lives_s": QUOTE_LIVES_S,
    }


def decide(books: Books, faults: Faults, order: Row) -> Json:
    """Decide an order and move the bank's own money; gives what the house is told."""
    asked: Json = json.loads(order["asked"])
    reason = "limit_reached" if faults.strikes("reject", order["key"]) else _objection(books, asked)
    told: Json = {"order_id": order["key"], "status": "rejected" if reason else "done"}
    told |= {name: asked[name] for name in ("amount_minor", "currency", "gets_minor", "gets_currency") if name in asked}
    if reason:
        return told | {"reason": reason}
    return told | {"bank_reference": order["reference"]} | _ACTS[asked["kind"]](books, order["key"], asked)


def send_back(books: Books, key: str, reason: str) -> Json | None:
    """Let a payment that went out come back; gives what the house is told, None where nothing went out."""
    order = books.order(key)
    if order is None or order["told"] is None or json.loads(order["told"])["status"] != "done":
        return None
    asked = json.loads(order["asked"])
    books.enter(SAFE, "KZT", asked["amount_minor"], key)
    told: Json = json.loads(order["told"]) | {"status": "returned", "reason": reason}
    books.decide_order(key, json.dumps(told))
    return told


def _objection(books: Books, asked: Json) -> str | None:
    """Say what the bank has against an order: an account that has not what it is to give."""
    source = asked.get("account") if asked["kind"] == "from_account" else asked.get("sells_from")
    if source in {None, "", "wallet"}:
        return None
    return "insufficient_funds" if books.on(str(source), asked["currency"]) < asked["amount_minor"] else None


def _pay(books: Books, key: str, asked: Json) -> Json:
    books.enter(SAFE, "KZT", -asked["amount_minor"], key)
    return {}


def _open(books: Books, key: str, asked: Json) -> Json:
    books.enter(key, asked["currency"], 0, "opened")
    number = f"{books.number(key):013d}"
    return {"iban": _iban(number), "bic": "DEMOKZKA"}


def _compare(_: Books, __: str, asked: Json) -> Json:
    # A name that holds STRANGER is somebody else's, one that ends in a point is nearly right.
    name = asked["payee"]["name"].upper()
    return {"name_match": "differs" if "STRANGER" in name else "close" if name.endswith(".") else "match"}


def _move_in(books: Books, key: str, asked: Json) -> Json:
    books.enter(SAFE, "KZT", -asked["amount_minor"], key)
    return {"sequences": {asked["account"]: books.enter(asked["account"], "KZT", asked["amount_minor"], key)}}


def _move_out(books: Books, key: str, asked: Json) -> Json:
    books.enter(SAFE, "KZT", asked["amount_minor"], key)
    return {"sequences": {asked["account"]: books.enter(asked["account"], "KZT", -asked["amount_minor"], key)}}


def _exchange(books: Books, key: str, asked: Json) -> Json:
    sequences = {
        side: books.enter(SAFE if side == "wallet" else side, currency, minor, key)
        for side, currency, minor in (
            (asked["sells_from"], asked["currency"], -asked["amount_minor"]),
            (asked["buys_to"], asked["gets_currency"], asked["gets_minor"]),
        )
    }
    return {"sequences": {side: number for side, number in sequences.items() if side != "wallet"}}


_ACTS = {
    "account": _open,
    "name_check": _compare,
    "payout": _pay,
    "refund": _pay,
    "to_account": _move_in,
    "from_account": _move_out,
    "exchange": _exchange,
}


def statement(books: Books, day: str) -> Json:
    """Write the statement of a day of the account that keeps the house's money."""
    entries = books.entries(SAFE, day)
    opening = books.before(SAFE, day)
    shown = [{"amount_minor": row["minor"], "reference": row["reference"]} for row in entries]
    closing = opening + sum(row["minor"] for row in entries)
    return {"opening_minor": opening, "closing_minor": closing, "entries": shown}


def camt053(told: Json, day: str) -> str:
    """Write a statement as ISO 20022 does (camt.053.001.08)."""

    def amount(minor: int) -> str:
        side = "CRDT" if minor >= 0 else "DBIT"
        return f'<Amt Ccy="KZT">{abs(minor) // 100}.{abs(minor) % 100:02d}</Amt><CdtDbtInd>{side}</CdtDbtInd>'

    def balance(code: str, minor: int) -> str:
        kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        return f"<Bal>{kind}{amount(minor)}<Dt><Dt>{day}</Dt></Dt></Bal>"

    entries = "".join(
        f"<Ntry>{amount(each['amount_minor'])}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{each['reference']}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>"
        for each in told["entries"]
    )
    balances = balance("OPBD", told["opening_minor"]) + balance("CLBD", told["closing_minor"])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>S-{day}</MsgId><CreDtTm>{day}T23:59:59+05:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>S-{day}</Id><Acct><Id><IBAN>{_iban('0' * 13)}</IBAN></Id></Acct>{balances}{entries}</Stmt>"
        "</BkToCstmrStmt></Document>"
    )


def _round(minor: Decimal) -> int:
    return int(minor.to_integral_value(rounding=ROUND_HALF_EVEN))


def _iban(number: str) -> str:
    moved = "".join(str(int(each, 36)) for each in f"999{number}KZ00")
    return f"KZ{98 - int(moved) % 97:02d}999{number}"


def view(order: Row) -> Json:
    """Show an order to the house."""
    asked: dict[str, Any] = json.loads(order["asked"])
    if order["told"] is not None:
        found: Json = json.loads(order["told"])
        return found
    told: Json = {"order_id": order["key"], "status": "pending"}
    return told | {name: asked[name] for name in ("amount_minor", "currency") if name in asked}
