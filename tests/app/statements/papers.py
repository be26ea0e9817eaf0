"""A statement made by hand, with everything in it that could break what it is written as."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from app.http import ids
from app.language import Language
from app.statements.issue import Letterhead
from app.statements.paper import Paper, Row, head
from law.money import KZT, Money
from wallet import statement
from wallet.statement import Line, Period, Statement, Summed

AT = datetime(2026, 9, 30, 20, 15, tzinfo=UTC)
KAZAKH = "ӘәҒғҚқҢңӨөҰұҮүҺһІі"
#: What a merchant may call itself: a formula, markup of each format, a control character of XML, Kazakh.
NASTY = ("=1+1", "+7", "-x", "@sum", "<b>&amp;", '#strong[x] "a", b', "a\u0085b", KAZAKH)


def lines(count: int, opening: int = 500_00) -> list[Line]:
    """Make legs: in, out, in, out, with value dates of other days."""
    made, balance = [], opening
    for number in range(1, count + 1):
        moved = (1_234_56 if number % 2 else -1_000_01) + number
        balance += moved
        at = AT - timedelta(minutes=count - number)
        made.append(
            Line(
                version=number * 2,
                id=UUID(int=number),
                at=at,
                effective=at - timedelta(days=number % 3),
                kind="post",
                code="transfer" if number % 2 else "card_capture",
                reference=f"ref-{number}",
                moved=Money(moved, KZT),
                balance=Money(balance, KZT),
            )
        )
    return made


def record(rows: list[Line], *, final: bool = True, opening: int = 500_00) -> Statement:
    """Make the record of `rows`."""
    moved = [row.moved.minor for row in rows]
    made = Statement(
        id=UUID(int=5),
        holder=UUID(int=6),
        lane=1,
        account=UUID(int=7),
        code=bytes(range(16)),
        period=Period(date(2026, 9, 1), date(2026, 9, 30)),
        final=final,
        opening_version=0,
        closing_version=rows[-1].version if rows else 0,
        opening=Money(opening, KZT),
        closing=Money(opening + sum(moved), KZT),
        made_at=AT,
        letterhead=b"",
        summed=None,
    )
    came, went = sum(max(each, 0) for each in moved), sum(max(-each, 0) for each in moved)
    summed = Summed(len(rows), Money(came, KZT), Money(went, KZT), statement.root(made, rows))
    return Statement(**{name: getattr(made, name) for name in Statement.__struct_fields__} | {"summed": summed})


def paper(made: Statement, language: Language = Language.KK) -> Paper:
    """Make its head."""
    told = Letterhead(
        name="ÄSEL O'NEILL-ҚАЙРАТОВА",
        iban="KZ869990000000000001",
        bank="Demo Issuing Bank",
        bic="DEMOKZKA",
        issuer="https://api.example.kz",
    )
    return head(made, told, language)


def rows(legs: list[Line]) -> list[Row]:
    """Make the rows, with nasty merchants."""
    return [
        Row(
            number=number,
            version=leg.version,
            transfer=ids.show("transfer", leg.id),
            booked_at=leg.at,
            effective_at=leg.effective,
            booked_on=leg.at.date(),
            value_on=leg.effective.date(),
            kind=leg.kind,
            code=leg.code,
            reference=leg.reference,
            label=NASTY[number % len(NASTY)],
            message=NASTY[(number + 3) % len(NASTY)],
            moved=leg.moved,
            balance=leg.balance,
        )
        for number, leg in enumerate(legs, start=1)
    ]
