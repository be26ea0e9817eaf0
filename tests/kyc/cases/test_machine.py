"""The laws of a case over generated histories, on the real database: residents, a worker, officers, alerts.

After each step: the case stands where its moves lead; nobody stands approved with an open alert; every grant and
refusal has two officers; what is told to other rooms identifies only who stands; every decision comes out again.
"""

import asyncio
import contextlib
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as generated
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from app import db, replaying
from app.settings import Settings
from kyc.cases import appeal, case, claim, decision, keeping, life, records, review
from kyc.cases.decision import Outcome
from kyc.cases.life import LIFE, IllegalMove, State
from kyc.cases.review import Verdict
from kyc.check import Finding
from kyc.check import Verdict as Said
from law.calendar import statutory_date
from migrations import walls
from tests.kyc.cases import people
from tests.kyc.cases.people import AT, FIRST, FOURTH, SECOND, THIRD

REFUSALS = (
    IllegalMove,
    claim.ClaimedByOther,
    claim.NotClaimed,
    claim.SameReviewer,
    review.NotGrantable,
    review.AlertOpen,
    appeal.AppealOver,
)
IDENTIFIES = life.STANDING | {State.RE_KYC_DUE}


class Roles:
    """The login roles of this run's own connections."""

    def __init__(self, told: Settings) -> None:
        self.api = db.engine(told, walls.API)
        self.worker = db.engine(told, walls.WORKER)


class Life(RuleBasedStateMachine):
    """Generated lives of one case; `told` and `owner` are how each run finds its database."""

    told: Settings
    owner: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.roles = Roles(self.told)
        self.resident = people.somebody()
        self.listed = self.judged = False

    @initialize(said=st.sampled_from([Said.PASS, Said.REVIEW, Said.FAIL]))
    def begins(self, said: Said) -> None:
        self._run(people.shows(self.roles, self.resident, people.all_pass(chip__issuer_trusted=said)))

    @rule(
        check=st.sampled_from(["chip.signature", "chip.issuer_trusted", "mrz.read"]), said=st.sampled_from(list(Said))
    )
    def shows(self, check: str, said: Said) -> None:
        screening = Said.REVIEW if self.listed else Said.PASS
        but = {check.replace(".", "__"): said, "person__screening": screening}
        # A scan says nothing milder of a risk than what the worker said (kyc/risk/arrival.py).
        found = [each for each in people.all_pass(**but) if not (self.judged and each.check == "risk.score")]
        self._run(people.shows(self.roles, self.resident, found))

    @rule(check=st.sampled_from(["risk.score", "person.unique", "face.match"]), said=st.sampled_from(list(Said)))
    def reports(self, check: str, said: Said) -> None:
        self.judged |= check == "risk.score"
        self._run(people.reported(self.roles, self.resident, Finding(check, said)))

    @rule()
    def raises_alert(self) -> None:
        people.alerted(self.owner, self.resident)
        self.listed = True
        self._run(people.reported(self.roles, self.resident, Finding("person.screening", Said.REVIEW)))

    @rule()
    def alert_lapses(self) -> None:
        people.lapsed(self.owner, self.resident)
        self.listed = False
        self._run(people.reported(self.roles, self.resident, Finding("person.screening", Said.PASS)))

    @rule(
        officer=st.sampled_from([FIRST, SECOND, THIRD, FOURTH]),
        said=st.sampled_from(
            [(Verdict.GRANT, None), (Verdict.REFUSE, "not_confirmed"), (Verdict.ASK, "face_not_matched")]
        ),
    )
    def officer_reviews(self, officer: UUID, said: tuple[Verdict, str | None]) -> None:
        self._try(people.reviews(self.roles, self.resident, officer, *said))

    @rule(said=st.sampled_from([(Verdict.GRANT, None), (Verdict.REFUSE, "not_confirmed")]))
    def two_officers_review(self, said: tuple[Verdict, str | None]) -> None:
        for officer in (THIRD, FOURTH):
            self._try(people.reviews(self.roles, self.resident, officer, *said))

    @rule()
    def appeals(self) -> None:
        async def lodge() -> None:
            async with db.transaction(self.roles.api, holder=self.resident, audience="resident") as story:
                connection = await story()
                held = await people.locked(connection, self.resident)
                on = statutory_date(AT)
                await appeal.lodge(
                    connection, held, id_=people.somebody(), words=b"sealed", on=on, at=AT, by="resident:x"
                )

        self._try(lodge())

    @rule(verb=st.sampled_from(["monitor", "fall_due", "resume", "suspend", "lapse"]))
    def keeps(self, verb: str) -> None:
        async def keep() -> None:
            async with db.transaction(self.roles.worker) as story:
                connection = await story()
                if verb == "lapse":
                    held = await people.locked(connection, self.resident)
                    if held.answer_by is not None:
                        await keeping.lapse(connection, held, at=AT, by="service:x")
                elif verb == "suspend":
                    await keeping.suspend(connection, self.resident, reason="court_order", at=AT, by="service:x")
                else:
                    await getattr(keeping, verb)(connection, self.resident, at=AT, by="service:x")

        self._run(keep())

    @invariant()
    def holds(self) -> None:
        self._run(self._holds())

    async def _holds(self) -> None:
        async with db.transaction(self.roles.worker) as story:
            connection = await story()
            held = await case.of(connection, self.resident)
            if held is None:
                return
            moves = await case.moves(connection, held.id)
            alerts = await connection.scalar(
                text("SELECT count(*) FROM kyc.alert WHERE resident = :r AND state = 'open'"), {"r": self.resident}
            )
            single = await connection.scalar(
                text("SELECT count(*) FROM kyc.case_verdict WHERE first_officer = second_officer")
            )
            known = await records.latest(connection, held.id)
        here: State | None = None
        for made in moves:
            assert made.before is here
            assert here is None or (made.act is not None and LIFE[here, made.act] is made.state)
            here = made.state
        assert (here, len(moves)) == (held.state, held.version)
        assert held.state not in life.PASSING
        assert not (alerts and held.state in life.STANDING)
        assert single == 0
        told = {outcome for outcome, _ in await people.outcomes(self.roles, self.resident)}
        assert "identified" not in told or held.state in IDENTIFIES
        if held.state in life.STANDING:
            assert "identified" in told
            decided = decision.decide(known)
            assert decided.outcome in {Outcome.APPROVE, Outcome.RETRY}
            assert decision.open_(known, decided) == ()
        if alerts and held.state in life.WAITS_FOR_PERSON - {State.COLLECTING, State.NEEDS_INPUT}:
            assert "identified" not in told

    def teardown(self) -> None:
        try:
            assert replaying.replayed(self.owner).findings == ()
        finally:
            self.loop.run(self.roles.api.dispose())
            self.loop.run(self.roles.worker.dispose())
            self.loop.close()

    def _run(self, story: object) -> None:
        self.loop.run(story)  # type: ignore[arg-type]  # a coroutine

    def _try(self, story: object) -> None:
        with contextlib.suppress(*REFUSALS):
            self._run(story)


def _histories(told: Settings, owner: str, *, examples: int, steps: int) -> None:
    machine = type("Here", (Life,), {"told": told, "owner": owner})
    run_state_machine_as_test(
        machine,
        settings=generated(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate),
        ),
    )


def test_no_history_breaks_a_law(settings: Settings, database: str) -> None:
    _histories(settings, database, examples=6, steps=12)


@pytest.mark.nightly
def test_no_long_history_breaks_a_law(settings: Settings, database: str) -> None:
    _histories(settings, database, examples=200, steps=40)
