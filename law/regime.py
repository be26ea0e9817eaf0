"""Under which regime the operator works: sandbox, then transition, then licensed (Decree 1242, D4.2).

The regime is data. Programme caps, the notice consumers must be given and the set of reports hang on it, so that the
move to a licence is a row with a date. The figures stand in the agreement with the National Bank (Law on the National
Bank, art. 51-5), which is not public: those below are assumptions and say so.
"""

import enum
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise

import msgspec

from law.money import KZT, Money


class Phase(enum.StrEnum):
    """The phases, in the order in which an operator passes them."""

    SANDBOX = "sandbox"
    TRANSITION = "transition"
    LICENSED = "licensed"


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """The most the programme may hold; None is no cap.

    `customers` and `cards` count those alive at one time, `cards_per_customer` likewise; `turnover_month` is the money
    that card purchases may take in one Asia/Almaty calendar month.
    """

    customers: int | None = None
    cards: int | None = None
    cards_per_customer: int | None = None
    turnover_month: Money | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer is told before the first card, by language (kk, ru, en). A changed text is a new `version`."""

    version: str
    texts: Mapping[str, str]


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """The regime of the Almaty days `[begins, ends)`; `basis` names the agreement or licence that cards are issued on.

    `issues_cards` is false in a wind-down: cards live on, none is added.
    """

    phase: Phase
    basis: str
    begins: date
    ends: date | None
    caps: Caps
    notice: Notice
    reports: frozenset[str]
    source: str
    issues_cards: bool = True
    note: str = ""


class NoRegime(Exception):
    """The operator has no legal basis on this day: nothing may be issued."""

    def __init__(self, on: date) -> None:
        super().__init__(on)
        self.on = on


class BadProgramme(Exception):
    """Two regimes hold on one day, phases run backwards, or a notice lacks a language."""

    def __init__(self, regime: Regime, why: str) -> None:
        super().__init__(regime.basis, why)
        self.regime = regime
        self.why = why


class CapReached(Exception):
    """One more would exceed a cap of the programme: `cap` names it, `most` is its figure (tiyn for a turnover)."""

    def __init__(self, cap: str, most: int, basis: str) -> None:
        super().__init__(cap, most, basis)
        self.cap = cap
        self.most = most
        self.basis = basis


_LANGUAGES = frozenset({"kk", "ru", "en"})


class Programme:
    """The regimes of one installation, one after the other."""

    def __init__(self, regimes: Iterable[Regime]) -> None:
        """Take the regimes in any order; raises BadProgramme."""
        self.regimes = tuple(sorted(regimes, key=lambda regime: regime.begins))
        for regime in self.regimes:
            if set(regime.notice.texts) != _LANGUAGES:
                raise BadProgramme(regime, "the notice is not in kk, ru and en")
        for earlier, later in pairwise(self.regimes):
            if earlier.ends is None or earlier.ends > later.begins:
                raise BadProgramme(later, "begins before the one before it ends")
            if list(Phase).index(later.phase) < list(Phase).index(earlier.phase):
                raise BadProgramme(later, "goes back to an earlier phase")

    @classmethod
    def load(cls, rows: bytes) -> "Programme":
        """Read a JSON array of regimes; raises msgspec.ValidationError, BadProgramme."""
        return cls(msgspec.json.decode(rows, type=list[Regime]))

    def dump(self) -> bytes:
        """Write the regimes as a JSON array."""
        return msgspec.json.encode(self.regimes)

    def at(self, on: date) -> Regime:
        """Answer the regime of the day `on`; raises NoRegime."""
        for regime in self.regimes:
            if regime.begins <= on and (regime.ends is None or on < regime.ends):
                return regime
        raise NoRegime(on)


def ensure_customers(regime: Regime, *, after: int) -> None:
    """Refuse (CapReached) a programme of `after` customers, the new one counted."""
    _ensure("customers", regime.caps.customers, after, regime)


def ensure_cards(regime: Regime, *, after: int, of_customer_after: int) -> None:
    """Refuse (CapReached) `after` live cards in all or `of_customer_after` of one customer, the new one counted."""
    _ensure("cards", regime.caps.cards, after, regime)
    _ensure("cards_per_customer", regime.caps.cards_per_customer, of_customer_after, regime)


def ensure_turnover(regime: Regime, *, month_after: Money) -> None:
    """Refuse (CapReached) a month's card turnover of `month_after`, the new purchase counted."""
    most = regime.caps.turnover_month
    if most is not None and month_after > most:
        raise CapReached("turnover_month", most.minor, regime.basis)


def _ensure(cap: str, most: int | None, after: int, regime: Regime) -> None:
    if most is not None and after > most:
        raise CapReached(cap, most, regime.basis)


_NOTICE = Notice(
    version="sandbox-2026-1",
    texts={
        "kk": "Бұл қызмет Қазақстан Республикасы Ұлттық Банкінің ерекше реттеу режимі (реттеу «құмсалғышы») аясында "
        "көрсетіледі. Бағдарламаға қатысушылардың, карталардың және операциялардың саны мен көлемі шектелген. Режим "
        "аяқталғанда карта шығару тоқтатылады, ал әмияндағы ақшаңыз сізге қайтарылады.",
        "ru": "Услуга оказывается в рамках особого режима регулирования (регуляторной «песочницы») Национального Банка "
        "Республики Казахстан. Число участников, карт и объём операций программы ограничены. По окончании режима "
        "выпуск карт прекращается, а деньги из вашего кошелька возвращаются вам.",
        "en": "This service runs under the special regulatory regime (regulatory sandbox) of the National Bank of "
        "Kazakhstan. The numbers of customers and cards and the volume of operations are limited. When the regime "
        "ends, no new cards are issued and the money in your wallet is returned to you.",
    },
)

PROGRAMME = Programme(
    [
        Regime(
            phase=Phase.SANDBOX,
            basis="NBK-SANDBOX-ASSUMED-1",
            begins=date(2026, 4, 25),
            ends=None,
            caps=Caps(
                customers=100_000,
                cards=100_000,
                cards_per_customer=5,
                turnover_month=Money(50_000_000_000_00, KZT),
            ),
            notice=_NOTICE,
            reports=frozenset({"sandbox"}),
            source="Decree 1242, D4.2-a; Law on the National Bank, art. 51-5 (edition of Law 205-VIII of 30 Jun 2025)",
            note="agreement number, term and caps are assumptions; five cards is the risk sign of 19 Jan 2025",
        ),
    ]
)
