"""What may be applied for: the catalogue of services, as data.

All of them live by one table of moves (residency/case.py) and one clock (residency/clock.py). A definition says what is
asked, how long the answer may take, when that time stands still and which status a grant assigns.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

import msgspec

from law.threshold import Thresholds
from residency.case import State
from residency.status import Kind

Answers = dict[str, str | bool]


class Form(StrEnum):
    """How a question is answered: with one of the choices, or with a consent that must be given."""

    CHOICE = "choice"
    CONSENT = "consent"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question of an application's form. Verified data of the person is never asked again (D1-c)."""

    name: str
    form: Form
    choices: tuple[str, ...] = ()


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """How long a decision may take: working days by the threshold of that name, counted from filing.

    The time stands still in the states of `pauses` and in no other.
    """

    threshold: str
    pauses: frozenset[State]


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service: its code, the clause that orders it, its term, its form and what a grant assigns.

    `grounds` are the thresholds one of which must be in force when an application is filed, by the answers to the
    question `ground`; a service without them stands on its clause alone.
    """

    code: str
    clause: str
    term: Term
    questions: tuple[Question, ...]
    grants: Kind
    grounds: Mapping[str, str] = msgspec.field(default_factory=dict)


# Administrative Procedural Code, art. 76: the term runs from receipt; it waits for the applicant only.
_DECISION = Term(threshold="case.decision_days_max", pauses=frozenset({State.AWAITING_APPLICANT}))
_CONSENTS = (Question(name="data_consent", form=Form.CONSENT), Question(name="rules_accepted", form=Form.CONSENT))
#: Who may have the Altyn visa (D2.2), each by a rule of their own; law/seed.py says since when, if at all.
_ALTYN = ("tax_resident", "business", "skilled_worker", "it_specialist", "temporary_worker")

CATALOGUE = {
    service.code: service
    for service in (
        Service(
            code="eresidency.assign",
            clause="D3.2-d",
            term=_DECISION,
            questions=(
                Question(
                    name="purpose",
                    form=Form.CHOICE,
                    choices=("business", "investment", "information_technology", "science_and_education", "other"),
                ),
                *_CONSENTS,
            ),
            grants=Kind.E_RESIDENT,
        ),
        Service(
            code="altyn.assign",
            clause="D2.2",
            term=_DECISION,
            questions=(Question(name="ground", form=Form.CHOICE, choices=_ALTYN), *_CONSENTS),
            grants=Kind.ALTYN,
            grounds={ground: f"altyn.wait_months.{ground}" for ground in _ALTYN},
        ),
    )
}


class UnknownService(Exception):
    """No service of the catalogue has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadAnswer(Exception):
    """The form has no such question, or the answer is not one it takes."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.question = question


class IncompleteAnswers(Exception):
    """Questions of the form are still open; `questions` names them, separated by commas."""

    def __init__(self, questions: str) -> None:
        super().__init__(questions)
        self.questions = questions


def of(code: str) -> Service:
    """Look a service up; raises UnknownService."""
    try:
        return CATALOGUE[code]
    except KeyError:
        raise UnknownService(code) from None


def read(service: Service, answers: Answers) -> Answers:
    """Accept answers as far as they go: a draft may be incomplete but never wrong. Raises BadAnswer."""
    questions = {question.name: question for question in service.questions}
    for name, answer in answers.items():
        if (question := questions.get(name)) is None or not _answers(question, answer):
            raise BadAnswer(name)
    return answers


def complete(service: Service, answers: Answers) -> None:
    """Let only a complete form be filed, every consent given; raises IncompleteAnswers."""
    missing = [question.name for question in service.questions if not answers.get(question.name)]
    if missing:
        raise IncompleteAnswers(", ".join(missing))


def require_open(service: Service, on: date, rules: Thresholds) -> None:
    """Let a service be asked for on whose grounds any rule is in force; raises law.threshold.NotInForce."""
    names = list(service.grounds.values())
    if names and not any(rules.find(name, on) for name in names):
        rules.at(names[0], on)


def require_ground(service: Service, answers: Answers, on: date, rules: Thresholds) -> None:
    """Let a complete form be filed whose ground is law that day; raises law.threshold.NotInForce."""
    if service.grounds:
        rules.at(service.grounds[str(answers["ground"])], on)


def _answers(question: Question, answer: str | bool) -> bool:  # noqa: FBT001  the type of the answer is the point
    if question.form is Form.CONSENT:
        return isinstance(answer, bool)
    return answer in question.choices
