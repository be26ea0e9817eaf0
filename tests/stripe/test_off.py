"""The programme is off unless it is named, and it is not named where Stripe issues no cards, or with the wrong key."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.partners.stripe_issuing import issuer
from app.settings import BadSetting, load

_TOLD = {
    "DATABASE_URL": "postgresql://owner:word@localhost/db",
    "ERESIDENCY_ENVIRONMENT": "test",
    "ERESIDENCY_STRIPE_KEY": "rk_test_1",
    "ERESIDENCY_STRIPE_AUTHORIZATION_SECRET": "whsec_1",
    "ERESIDENCY_STRIPE_EVENT_SECRET": "whsec_2",
}
_BANK = {"name": "A Bank", "bic": "ABNKKZKA", "code": "125", "partner": "a-bank"}
_LIVE = {
    "ERESIDENCY_ENVIRONMENT": "production",
    "ERESIDENCY_ISSUING_BANK": msgspec.json.encode(_BANK).decode(),
    "ERESIDENCY_EXPOSURE_URL": "https://exposure.example/",
    "ERESIDENCY_STRIPE_KEY": "rk_live_1",
}


def programme(**other: Any) -> dict[str, str]:  # noqa: ANN401  fields of a programme
    told = {"country": "DE", "issuance_basis": "STRIPE-DE-1", "bank": "a-bank", **other}
    return {"ERESIDENCY_STRIPE_PROGRAMME": msgspec.json.encode(told).decode()}


def test_it_is_off_unless_it_is_named() -> None:
    settings = load(_TOLD)

    assert settings.stripe_programme is None
    assert issuer.opened(settings, http=None) is None  # type: ignore[arg-type]  # nothing is asked of it


@pytest.mark.parametrize("world", [{}, _LIVE], ids=["test", "production"])
def test_it_is_on_where_everything_is_said(world: dict[str, str]) -> None:
    settings = load({**_TOLD, **programme(), **world})

    assert settings.stripe_programme is not None
    assert str(settings.stripe_programme.currency) == "EUR"
    assert "whsec" not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (programme(country="KZ"), "stripe_programme"),
        (programme(country="CH"), "stripe_programme"),
        (programme(country="kz"), "stripe_programme"),
        ({"ERESIDENCY_STRIPE_KEY": "sk_live_1"}, "stripe_key"),
        ({"ERESIDENCY_STRIPE_KEY": "pk_test_1"}, "stripe_key"),
        (_LIVE | {"ERESIDENCY_STRIPE_KEY": "sk_test_1"}, "stripe_key"),
        ({"ERESIDENCY_STRIPE_AUTHORIZATION_SECRET": ""}, "stripe_authorization_secret"),
        ({"ERESIDENCY_STRIPE_EVENT_SECRET": ""}, "stripe_event_secret"),
        (_LIVE | {"ERESIDENCY_STRIPE_URL": "http://stripe.example"}, "stripe_url"),
    ],
)
def test_what_can_not_be_right_is_refused_at_the_start(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(BadSetting) as refused:
        load({**_TOLD, **programme(), **wrong})

    assert named in refused.value.name


def test_the_sdk_is_imported_in_one_place_and_only_when_asked_for() -> None:
    imports = re.compile(r"^(\s*)(?:import|from) stripe\b", re.MULTILINE)
    found = [
        (file.as_posix(), len(match[1].strip("\n")))
        for file in Path("app").rglob("*.py")
        for match in imports.finditer(file.read_text(encoding="utf-8"))
    ]

    assert found == [("app/partners/stripe_issuing/client.py", 4)], "inside of a function"
