"""Who may confirm what: the first rule that refuses gives the reason."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app import ids
from invest.consent import ConsentRequired
from invest.preview import UnknownPreview
from invest.request import Confirmation, PreviewExpired, PreviewUsed, Shown, decide
from tests.invest.made import AT, quoted
from wallet.transfer import AccountId

HOLDER = ids.new()
ASKED = Confirmation(
    placement=ids.new(),
    preview=ids.new(),
    holder=HOLDER,
    wallet=AccountId(ids.new()),
    settlement=AccountId(ids.new()),
    actor="resident:1",
    due_at=AT,
)
SHOWN = Shown(
    holder=HOLDER,
    product=ids.new(),
    terms=ids.new(),
    partner=ids.new(),
    quote=quoted(),
    expires_at=AT + timedelta(minutes=10),
    used=False,
    still_offered=True,
    consented=True,
)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({}, None),
        ({"holder": UUID(int=7)}, UnknownPreview),
        ({"used": True}, PreviewUsed),
        ({"consented": False}, ConsentRequired),
        ({"still_offered": False}, PreviewExpired),
        ({"expires_at": AT}, PreviewExpired),
        ({"expires_at": AT + timedelta(microseconds=1)}, None),
        ({"used": True, "consented": False, "still_offered": False}, PreviewUsed),
    ],
    ids=str,
)
def test_a_confirmation_passes_or_is_refused_for_the_first_reason(
    changed: dict[str, Any], refusal: type[Exception] | None
) -> None:
    answer = decide(ASKED, msgspec.structs.replace(SHOWN, **changed), set(), AT)

    assert type(answer) is (refusal or type(None))


def test_a_preview_nobody_knows_is_unknown() -> None:
    assert isinstance(decide(ASKED, None, set(), AT), UnknownPreview)


def test_one_preview_twice_in_a_batch_makes_one_placement() -> None:
    assert isinstance(decide(ASKED, SHOWN, {ASKED.preview}, AT), PreviewUsed)
