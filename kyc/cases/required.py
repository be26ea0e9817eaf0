"""What the rules of a case decide by, as data: each version whole, so that no later one changes what it decided.

A check that is not required may still stop a case by failing or by asking for a person; only its absence is no
obstacle. What a day or an installation asks beyond a version (a face by the regime, offices and the press where there
is an outside to ask) is no version: it is written into the case as a record, DEMANDED, when a document is shown.
"""

from collections.abc import Iterable, Mapping

import msgspec

from kyc.check import RULES, Finding, Verdict

#: The record of what else is asked of this person; it holds until another one takes its place.
DEMANDED = "case.demanded"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One version. A check is named in full, or by all that begin with its first word and a dot.

    `required` must have passed, by what the person is identified for. A look at what is `bound` says something of one
    document only, every other one of the person. A failure that is `mendable` asks the person, any other one officers.
    What is `besides` is judged by who asked for it: a diploma is no part of who somebody is, nor is a number, for who
    names another's first must not be able to stop them by it. What `lasts` is open for the person until officers
    settled it, whichever document they show next. What was not answered is answered as well by the check in `answers`.

    It `heeds` what is demanded: then DEMANDED adds to `required`. What is missing and `given` by the person alone is
    waited for once nothing else is open. It `spares` who shows a bad copy beside a document that is only in question:
    of documents that all lack something the last one of which nothing failed speaks.

    What must be `answered` two officers settle only as far as an answer left it open: that nobody looked, or that there
    was no answer, is no doubt that anybody could settle.
    """

    version: str
    required: Mapping[str, tuple[str, ...]]
    bound: tuple[str, ...]
    mendable: tuple[str, ...]
    besides: tuple[str, ...]
    lasts: tuple[str, ...] = ()
    answers: Mapping[str, str] = {}
    heeds: bool = False
    given: tuple[str, ...] = ()
    spares: bool = False
    answered: tuple[str, ...] = ()

    def is_bound(self, check: str) -> bool:
        """Say whether a look of this check is bound to its document."""
        return check.startswith(self.bound)


_FIRST = Rules(
    version="case@2026-11",
    required={
        "identity": (
            "mrz.read",
            "chip.structure",
            "chip.digest",
            "chip.signature",
            "chip.algorithms",
            "chip.issuer_trusted",
            "chip.issuer_matches",
            "chip.data_groups",
            "chip.only_signed_groups",
            "document.matches_chip",
            "document.in_force",
            "person.unique",
            "person.screening",
        )
    },
    bound=("mrz.", "chip.", "document."),
    mendable=("mrz.", "chip.", "document.", "face.", "liveness", "paper.", "address.", "funds."),
    besides=("paper.", "identifier."),
)
_SECOND = Rules(
    version="case@2026-11.2",
    required={
        "identity": (
            "mrz.read",
            "chip.structure",
            "chip.digest",
            "chip.signature",
            "chip.algorithms",
            "chip.issuer_trusted",
            "chip.issuer_matches",
            "chip.data_groups",
            "chip.only_signed_groups",
            "document.matches_chip",
            "document.in_force",
            "person.unique",
            "person.screening",
            "risk.score",
        )
    },
    bound=("mrz.", "chip.", "document.", "person.unique", "face.", "liveness"),
    mendable=("mrz.", "chip.", "document.", "face.", "liveness"),
    besides=("paper.", "identifier."),
    lasts=("document.same_holder",),
    answers={"chip.original": "face.match"},
)
_THIRD = msgspec.structs.replace(
    _SECOND, version="case@2026-11.3", heeds=True, given=("face.", "liveness", "document.matches_form"), spares=True
)
_FOURTH = msgspec.structs.replace(_THIRD, version="case@2026-11.4", answered=("person.screening", "person.unique"))
#: Every version that ever decided; the last one decides now.
VERSIONS = (_FIRST, _SECOND, _THIRD, _FOURTH)
NOW = VERSIONS[-1]
REQUIRED = NOW.required

#: What a scan says of a document by itself: the printed lines, the chip, the one against the other.
DOCUMENTS = ("mrz.", "chip.", "document.")


def is_of_document(check: str) -> bool:
    """Say whether a check is about a document by itself, and neither about the person nor about who shows it."""
    return check.startswith(DOCUMENTS)


def demand(checks: Iterable[str]) -> Finding:
    """Write down what else is asked of a person."""
    return Finding(DEMANDED, Verdict.PASS, {"checks": " ".join(sorted(checks))}, f"required@{RULES}")
