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
from law.threshold import Rule, Thresholds


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


class Minors(msgspec.Struct, frozen=True, kw_only=True):
    """The most a child's card may be let spend, whatever the parent would allow, and what it never pays for."""

    per_payment: Money
    per_day: Money
    per_month: Money
    denied_categories: frozenset[str]
    cards_per_parent: int = 3
    years_min: int = 6
    years_max: int = 17


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What cards of a regime are and never do; no holder's own settings can widen it.

    `currencies` cards may be kept in; `remote_issuance`: without the holder ever having come in person. A holder's
    identity holds for `reverify_days` (None: for ever); cards are renewed `renew_days` before they end; who holds one
    of an earlier basis has `reconsent_days` to accept a changed notice. Who is exempt from the term of non-residents
    gets cards for `exempt_validity_months`. With `pair_counts_once` a virtual and a plastic card are one product to the
    cap of a customer. Categories are those of ISO 18245.
    """

    currencies: frozenset[str]
    denied_categories: frozenset[str]
    denied_if_self_restricted: frozenset[str]
    minors: Minors | None
    denied_countries: frozenset[str] = frozenset()
    remote_issuance: bool = True
    reverify_days: int | None = None
    renew_days: int = 30
    reconsent_days: int = 30
    exempt_validity_months: int = 36
    pair_counts_once: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer is told before the first card, by language (kk, ru, en). A changed text is a new `version`."""

    version: str
    texts: Mapping[str, str]


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """The regime of the Almaty days `[begins, ends)`; `basis` names the agreement or licence that cards are issued on.

    `issues_cards` is false in a wind-down: cards live on, none is added. `identification` names what must be looked at
    of everybody who is identified, beyond the document: `face.match`, `liveness`.
    """

    phase: Phase
    basis: str
    begins: date
    ends: date | None
    caps: Caps
    notice: Notice
    policy: Policy
    reports: frozenset[str]
    source: str
    issues_cards: bool = True
    note: str = ""
    identification: frozenset[str] = frozenset()


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


def bound(regime: Regime, law: Thresholds, on: date) -> Regime:
    """Answer what of the regime the law of the day `on` leaves: of two figures the narrower one binds."""
    most = law.find("card.nonresident.active_max", on)
    days = law.find("card.nonresident.reverify_days_max", on)
    in_person = law.find("card.nonresident.in_person_only", on)
    policy = msgspec.structs.replace(
        regime.policy,
        reverify_days=_narrower(regime.policy.reverify_days, days),
        remote_issuance=regime.policy.remote_issuance and in_person is None,
    )
    caps = msgspec.structs.replace(regime.caps, cards_per_customer=_narrower(regime.caps.cards_per_customer, most))
    return msgspec.structs.replace(regime, caps=caps, policy=policy)


def _narrower(own: int | None, law: Rule | None) -> int | None:
    return min((figure for figure in (own, law.value if law else None) if figure is not None), default=None)


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

# Betting and lotteries, for which people may bar themselves (Law 219 of 2007, art. 15-1), and money bought with money.
_GAMBLING = frozenset({"7800", "7801", "7802", "7995", "9406"})
_QUASI_CASH = frozenset({"4829", "6050", "6051"})
# Illegal operators take bets under other categories: who barred themselves is refused those close to betting as well.
_NEAR_GAMBLING = frozenset({"5816", "6012", "6536", "6537", "6538", "6540", "7273", "7993", "7994"})
_NOT_FOR_CHILDREN = frozenset({"5813", "5921", "5993", "7273", "7297", "5967", "6010", "6011", "6012", "6540", "7993"})

POLICY = Policy(
    currencies=frozenset({"KZT"}),
    denied_categories=_GAMBLING | _QUASI_CASH,
    denied_if_self_restricted=_NEAR_GAMBLING,
    minors=Minors(
        per_payment=Money(50_000_00, KZT),
        per_day=Money(100_000_00, KZT),
        per_month=Money(500_000_00, KZT),
        denied_categories=_NOT_FOR_CHILDREN,
    ),
    # The draft of 28 Mar 2025 asked for every month (law/seed.py); with biometrics of the passport we assume a year.
    reverify_days=365,
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
            policy=POLICY,
            reports=frozenset({"sandbox"}),
            source="Decree 1242, D4.2-a; Law on the National Bank, art. 51-5 (edition of Law 205-VIII of 30 Jun 2025)",
            note="agreement number, term and caps are assumptions; five cards is the risk sign of 19 Jan 2025",
        ),
    ]
)
