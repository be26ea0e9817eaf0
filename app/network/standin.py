"""Standing in for the books, and telling them afterwards, each promise once.

decides    cards/payments/standin.py    decide()
journals   app/network/journal.py       Journal.append()
stands in  app/network/standin.py    StandIn       <- you are here

A promise becomes an advice under the very name of the question it answered, so a repeat of the question finds it in the
books. Where the question had reached them before (`in_vain`) they are asked for what they decided: asked again after
its deadline they decide against it, if they had not yet. If yes was said here and no there, or to less, it is told
again under a name of its own, as an advice of that question, of which they book what they had not promised; if no was
said here and yes there, the question is taken back. All of these are names that are used once for ever, so who is
killed in the middle begins again, and nothing happens twice.
"""

import asyncio
import contextlib
import functools
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from app import clock
from app.idempotency_key import Reused
from app.network import journal
from app.network.journal import Journal, Promise
from app.network.meters import Meters
from app.network.snapshot import Snapshot
from cards.hsm.port import Hsm
from cards.payments import message, standin
from cards.payments.message import Answer, Authorization, NetworkMessage, Reversal
from cards.payments.message import StandIn as PromisedBy
from cards.payments.payment import PaymentId
from cards.payments.reason import APPROVED
from cards.payments.standin import Case, Known, Proved, Terms, Used
from cards.proofs.evidence import Seen
from cards.proofs.presented import NOTHING, Presented
from law.money import Money
from proof.kms import Kms

_log = structlog.get_logger()

#: What is told of an element in the books' place, behind its name.
PROMISED, GIVEN_UP = "/promised", "/given-up"
_KEPT_FOR = timedelta(days=2)
_KEPT_MAX = 100_000

_DAY = timedelta(days=1)

Name = tuple[str, str, str]
_Content = tuple[UUID | None, Money]
_Purse = tuple[UUID, date]
Book = Callable[[NetworkMessage], Awaitable[Answer]]


class StandIn:
    """What this process promised in the books' place, and what it may still promise."""

    def __init__(self, folder: Path, keys: Kms, meters: Meters) -> None:
        """Read what earlier runs promised; raises journal.Torn."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.snapshot: Snapshot | None = None
        self._folder, self._keys, self._meters = folder, keys, meters
        self._journal: Journal | None = None
        self._said: OrderedDict[Name, tuple[_Content, asyncio.Future[Answer] | Answer]] = OrderedDict()
        #: Which counters chips used here: the books are told of promises, not of what was presented for them.
        self._counters: defaultdict[UUID, list[int]] = defaultdict(list)
        #: What was promised on a day with a card, of a wallet or to a holder, and to everybody.
        self._used: defaultdict[tuple[UUID, date], Used] = defaultdict(Used)
        self._shared: defaultdict[_Purse, Money] = defaultdict(lambda: standin.NOTHING)
        self._promised: defaultdict[date, Money] = defaultdict(lambda: standin.NOTHING)
        self._forget_files()
        for path in (*journal.told(folder), *journal.waiting(folder)):
            for promise in journal.read(path, keys):
                self._remember(promise)

    @property
    def owes(self) -> bool:
        """Whether there is something the books don't know."""
        return self._journal is not None or bool(self._waiting())

    async def said(self, asked: Authorization) -> Answer | None:
        """Answer what was answered here to this very question before.

        Raises idempotency_key.Reused where another had its name.
        """
        if (known := self._said.get(_name(asked))) is None:
            return None
        content, found = known
        if content != _content(asked):
            raise Reused
        return await asyncio.shield(found) if isinstance(found, asyncio.Future) else found

    async def answer(
        self, asked: Authorization, index: bytes, terms: Terms, machine: Hsm | None, *, in_vain: bool
    ) -> Answer:
        """Decide in the books' place, once for each question; a yes is on disk before it is answered.

        Raises idempotency_key.Reused. Whatever else goes wrong, nobody waits for it: who asks again is decided anew.
        """
        if (said := await self.said(asked)) is not None:
            return said
        answering: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._said[_name(asked)] = _content(asked), answering
        try:
            answer = await self._answered(self._decide(asked, index, terms, machine), in_vain=in_vain)
        except BaseException:
            del self._said[_name(asked)]
            answering.set_result(_no(asked, standin.AWAY))
            raise
        self._say(asked, answer)
        answering.set_result(answer)
        return answer

    async def _answered(self, decided: Promise, *, in_vain: bool) -> Answer:
        try:
            if decided.answer.approved or in_vain:
                await self.write(msgspec.structs.replace(decided, in_vain=in_vain))
        except OSError as error:
            _log.error("stand_in_not_written", error=type(error).__name__)
            return _no(decided.asked, standin.AWAY)
        return decided.answer

    def _decide(self, asked: Authorization, index: bytes, terms: Terms, machine: Hsm | None) -> Promise:
        snapshot, now = self.snapshot, clock.real()
        known = snapshot.cards.get(index) if snapshot else None
        proved = Proved()
        if known and machine:
            seen = functools.reduce(Seen.with_, self._counters[known.card.id], known.seen)
            proved = standin.proofs(asked, known, seen, machine, now)
            if proved.counter is not None:
                self._counters[known.card.id].append(proved.counter)
        place = (known.card.id, standin.day(now)) if known else None
        case = Case(
            asked=asked,
            known=known,
            known_at=snapshot.taken_at if snapshot else None,
            used=self._used[place] if place else Used(),
            shared=max(
                (self._shared[each] + self._shared[before] for each, before in _purses(known, now)),
                default=standin.NOTHING,
            ),
            promised=sum((self._promised[day] for day in _days(now)), standin.NOTHING),
            turnover_left=snapshot.turnover_left if snapshot else standin.NOTHING,
            proved=proved,
            now=now,
            in_force=snapshot.in_force(now + snapshot.ahead) if snapshot else None,
            ahead=snapshot.ahead if snapshot else timedelta(),
        )
        if doubts := standin.decide(case, terms):
            for doubt in doubts:
                self._meters.count(asked.network, "stand_in_refused", doubt)
            return _promise(case, _no(asked, standin.code(doubts, case)))
        assert place is not None, "nothing is promised of a card that is not known"
        self._used[place] = standin.counted(self._used[place], asked.amount)
        for purse, _ in _purses(known, now):
            self._shared[purse] += asked.amount
        self._promised[standin.day(now)] += asked.amount
        self._meters.count(asked.network, "stand_in_promised")
        approval = message.approval(asked.payment, 1)
        yes = Answer(
            payment=asked.payment, approved=True, code=APPROVED, reason=None, amount=asked.amount, approval=approval
        )
        return _promise(case, yes)

    async def write(self, promise: Promise) -> None:
        """Put a promise on disk; raises OSError, and the next one goes into another file."""
        if self._journal is None:
            self._journal = Journal(self._folder, self._keys)
        try:
            await self._journal.append(promise)
        except OSError:
            self._journal = None
            raise

    # -- afterwards ----------------------------------------------------------------------------------------------------

    async def tell(self, book: Book) -> None:
        """Tell the books everything they don't know; raises what `book` raises, and is then to be called again."""
        current, self._journal = self._journal, None
        if current is not None:
            await current.close()
        for path in self._waiting():
            promises = journal.read(path, self._keys)
            for promise in promises:
                await _tell(promise, book)
            journal.name_told(path)
            _log.info("stand_in_told", size=len(promises))
        self._forget_files()

    async def close(self) -> None:
        """Promise no more."""
        if self._journal is not None:
            await self._journal.close()

    def _waiting(self) -> list[Path]:
        """List the files that are whole: what is promised while the books are told goes into another."""
        current = self._journal.path if self._journal else None
        return [path for path in journal.waiting(self._folder) if path != current]

    def _remember(self, promise: Promise) -> None:
        self._said[_name(promise.asked)] = _content(promise.asked), promise.answer
        if promise.answer.approved and promise.asked.card:
            on = standin.day(promise.at)
            place = promise.asked.card, on
            self._used[place] = standin.counted(self._used[place], promise.asked.amount)
            self._promised[on] += promise.asked.amount
            for each in (promise.wallet, promise.holder):
                if each is not None:
                    self._shared[each, on] += promise.asked.amount
        if promise.counter is not None and promise.asked.card:
            self._counters[promise.asked.card].append(promise.counter)

    def _say(self, asked: Authorization, answer: Answer) -> None:
        self._said[_name(asked)] = _content(asked), answer
        while len(self._said) > _KEPT_MAX:
            self._said.popitem(last=False)

    def _forget_files(self) -> None:
        """Let go of what nobody repeats any more."""
        for path in journal.told(self._folder):
            with contextlib.suppress(FileNotFoundError):
                if clock.real().timestamp() - path.stat().st_mtime > _KEPT_FOR.total_seconds():
                    path.unlink()


async def _tell(promise: Promise, book: Book) -> None:
    asked = promise.asked
    # Where they decided it meanwhile, by another process, that is the answer too; a deadline that is past is a no.
    decided = await book(asked if promise.in_vain else _advice(promise, asked.element))
    if not promise.answer.approved:
        if decided.approved:
            await book(_given_up(asked, decided))
    elif not decided.approved or (decided.amount or asked.amount) < asked.amount:
        await book(_advice(promise, asked.element + PROMISED, more=decided.approved))


def _advice(promise: Promise, element: str, *, more: bool = False) -> Authorization:
    asked = promise.asked
    return msgspec.structs.replace(
        asked,
        element=element,
        subject=asked.subject or asked.element,
        increment=asked.increment or more,
        advice=True,
        deadline=None,
        stand_in=PromisedBy.OURS,
        payment=PaymentId(asked.payment),
        presented=NOTHING if promise.counter is None else Presented(counter=promise.counter),
    )


def _given_up(asked: Authorization, decided: Answer) -> Reversal:
    return Reversal(
        network=asked.network,
        lifecycle=asked.lifecycle,
        element=asked.element + GIVEN_UP,
        lane=asked.lane,
        card=asked.card,
        payment=decided.payment,
        amount=decided.amount or asked.amount,
        merchant=asked.merchant,
        subject=asked.subject or asked.element,
    )


def _promise(case: Case, answer: Answer) -> Promise:
    """Write down what was answered, without what was presented."""
    return Promise(
        asked=msgspec.structs.replace(case.asked, presented=NOTHING),
        answer=answer,
        at=case.now,
        in_vain=False,
        counter=case.proved.counter,
        wallet=case.known.card.account if case.known else None,
        holder=case.known.card.holder if case.known else None,
    )


def _no(asked: Authorization, code: str) -> Answer:
    return Answer(payment=asked.payment, approved=False, code=code, reason=None)


def _purses(known: Known | None, at: datetime) -> list[tuple[_Purse, _Purse]]:
    """Name whose money a card spends, on this day and on the one before: no two cards may be promised the same."""
    today, yesterday = _days(at)
    return [((of, today), (of, yesterday)) for of in (known.card.account, known.card.holder)] if known else []


def _days(at: datetime) -> tuple[date, date]:
    """Name the days whose promises may be unknown to what was known of the books: an outage ends at no midnight."""
    today = standin.day(at)
    return today, today - _DAY


def _content(asked: Authorization) -> _Content:
    return asked.card, asked.amount


def _name(asked: Authorization) -> Name:
    return asked.network, asked.lifecycle, asked.element
