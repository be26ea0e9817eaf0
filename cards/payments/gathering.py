"""What a batch of card messages asks before it decides: the tray its cards, payments and accounts, each source its own.

asks     app/cards/swiping.py          Till                 with the lanes' lock, in the same round trip
asks     cards/payments/gathering.py   Asked                <- you are here
lays out cards/payments/tray.py        Tray.load()
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cards import card as cards_card
from cards.payments import archive
from cards.payments.asking import Query, Rows
from cards.payments.decision import About, Source
from cards.payments.message import Authorization, HouseMessage, Match, Message, NetworkMessage
from cards.payments.payment import PaymentId
from law import calendar
from wallet import packed
from wallet.chart import Purpose

#: The operator's accounts that a payment may move money to or from.
PURPOSES = (Purpose.CARD_CLEARING, Purpose.CARD_RECEIVABLE, Purpose.SUSPENSE, Purpose.FEES, Purpose.FX_INCOME)


class Asked(list[Query]):
    """The questions of a batch, those of the tray first; `day` is the one in Kazakhstan that they are asked for."""

    def __init__(self, messages: Sequence[Message], sources: Sequence[Source], now: datetime) -> None:
        """Name the questions of everybody about `messages`."""
        self.day = calendar.statutory_date(now)
        self.about = _about(messages, now)
        parts = [_own(messages, self.about), *(source.queries(self.about) for source in sources)]
        super().__init__(itertools.chain.from_iterable(parts))
        self._sizes = [len(part) for part in parts]

    def shared(self, answers: Iterable[Rows]) -> Iterator[list[Rows]]:
        """Give the answers to who asked, one after the other."""
        given = iter(answers)
        return (list(itertools.islice(given, size)) for size in self._sizes)


def _about(messages: Sequence[Message], now: datetime) -> About:
    told = [message for message in messages if isinstance(message, NetworkMessage)]
    return About(
        cards=sorted({message.card for message in told if message.card}),
        payments=sorted({(message.lane, payment) for message in messages for payment in _ids(message)}),
        questions=[message for message in told if isinstance(message, Authorization)],
        now=now,
    )


def _ids(message: Message) -> tuple[PaymentId, ...]:
    if isinstance(message, Match):
        return message.payment, message.taken
    return (message.payment,) if isinstance(message, HouseMessage) else ()


def _own(messages: Sequence[Message], about: About) -> list[Query]:
    told = [message for message in messages if isinstance(message, NetworkMessage)]
    names = {(message.lane, message.network, message.lifecycle) for message in told}
    names |= {(message.lane, message.network, of) for message in told if (of := getattr(message, "of", None))}
    lanes = packed.integers(sorted({message.lane for message in messages}))
    cards = packed.uuids(about.cards)
    named = packed.integers([lane for lane, _ in about.payments]), packed.uuids(id_ for _, id_ in about.payments)
    return [
        Query(_CARDS, (cards, *named), named=True),
        archive.finding(names=names, ids=about.payments),
        Query(_ACCOUNTS, (lanes, cards, *named, lanes, packed.texts(PURPOSES))),
    ]


_NAMED = """
    SELECT unnest(%s::uuid[]) UNION
    SELECT card FROM cards.payment JOIN unnest(%s::integer[], %s::uuid[]) AS named (lane, id) USING (lane, id)
"""
# With those in whose place each came: what they were promised is paid by the heir's number too.
_CARDS = f"""
    SELECT found.*, CASE WHEN found.replaces IS NOT NULL THEN ARRAY(
        WITH RECURSIVE line (id, replaces) AS (
            SELECT id, replaces FROM cards.card WHERE id = found.replaces
            UNION ALL SELECT before.id, before.replaces FROM line JOIN cards.card AS before ON before.id = line.replaces
        ) SELECT id FROM line
    ) END AS line
    FROM ({cards_card.BY_ID.replace(":cards", f"ARRAY({_NAMED})")}) AS found
""".encode()  # noqa: S608  the parts are literals of these modules
# As wallet/ledger.py Account takes them, and of the operator's what they are for.
_ACCOUNTS = b"""
    SELECT loaded.*, operators.purpose, operators.label FROM wallet.load(%s::integer[], ARRAY(
        SELECT account FROM cards.card WHERE id = ANY(%s::uuid[])
        UNION SELECT account FROM cards.payment
        JOIN unnest(%s::integer[], %s::uuid[]) AS named (lane, id) USING (lane, id)
        UNION SELECT id FROM wallet.account
        WHERE lane = ANY(%s::integer[]) AND holder IS NULL AND purpose = ANY(%s::text[])
    )) AS loaded
    LEFT JOIN wallet.account AS operators
         ON operators.lane = loaded.lane AND operators.id = loaded.id AND operators.holder IS NULL
"""
