"""Who can open another's vault: these operations and steps of the worker, and no others."""

import pytest

from app import worker
from tests.walls import openers

pytestmark = pytest.mark.asyncio

#: Plays the officers of a sandbox; the first test here reads the rows they leave.
SEEDING = {"seedResidents"}
#: Shown to the person at once, who asked for it: tests/app/cards/test_disputes.py reads the rows they leave.
DISPUTES = {"getDisputeCase", "getDisputeFile"}
#: The same of the way of a plastic card: tests/app/cards/test_programme.py.
PARCELS = {"readParcelsOfCard", "moveCardParcel"}
#: How risky a relation is, and what is said of its money: tests/app/risk/test_officers.py.
RISK = {
    *("readResidentRisk", "readResidentExposure", "readDeclaration", "proposeRiskOverride"),
    *("readRiskAssessment", "listRiskRuleResults"),
}
#: Who is near an entry of a list: tests/app/test_screening.py.
SCREENED = {"readAlert", "actOnAlert"}
#: A case of identification, side by side: tests/app/test_identity_cases.py.
IDENTITY = {"getIdentityCase", "reviewIdentityCase"}
#: Papers and faces that were handed in to be looked at: tests/app/papers/test_papers.py, test_faces.py.
PAPERS = {"lookAtPaper", "lookAtFile", "lookAtFaces", "judgePaper"}
WORKING = {"monitoring", "pipeline", "risk", "risk_backtests", "risk_sealing", "exposure", "files", "faces"}
#: By ones, and by many at once.
LOOKS = ("app.vault.look", "app.vault.look_at_all")


async def test_these_operations_and_steps_can_open_anothers_vault_and_no_others() -> None:
    reaching = {name for look in LOOKS for name in openers.code().reaching(look)}
    opening = {name for look in LOOKS for name in openers.code().opening(look)}

    others = SEEDING | DISPUTES | PARCELS | RISK | SCREENED | PAPERS | IDENTITY
    assert opening == openers.OPENING.keys() | others
    assert {name for name, step in worker.STEPS.items() if f"{step.__module__}.{step.__name__}" in reaching} == WORKING


async def test_the_search_finds_what_leads_to_ones_own_vault() -> None:
    assert {"scanDocument", "getDocument", "issueCredential"} <= openers.code().opening("app.vault.existing")


#: Operations that lead to another's vault, each by another way, as somebody might add them to a file unlisted.
UNLISTED = """
from app import applicant, vault
from app.vault import look as glance

@get(operation_id="atOnce")
async def at_once(story): await vault.look(story)

@get(operation_id="underAnotherName")
async def under_another_name(story): await glance(story)

@get(operation_id="throughAnotherModule")
async def through_another_module(story): await applicant.find(story)

@get(operation_id="throughATable")
async def through_a_table(story): await WAYS["aside"](story)
WAYS = {"aside": vault.look}

@get(operation_id="throughAMethod")
async def through_a_method(story): await Way().nobody_else_goes(story)
class Way:
    async def nobody_else_goes(self, story): await vault.look(story)

@get(operation_id="elsewhere")
async def elsewhere(story): await vault.existing(story)
"""


async def test_operations_that_nobody_listed_are_found() -> None:
    """A planted defect, in place of a file."""
    found = openers.Code({"app/http/mobile/statuses.py": UNLISTED}).opening() - openers.code().opening()

    assert found == {"atOnce", "underAnotherName", "throughAnotherModule", "throughATable", "throughAMethod"}
