"""By what standard people are compared with lists: its version, what is grave, what follows from which list."""

import enum

import msgspec

CHECK = "person.screening"
#: A changed way of comparing (kyc/names, the figures below) is a new version, and everybody is looked up again.
RULES = "screening@2026-11-23"
#: From this score on, of 100, with an equal date of birth and nothing against it, nobody waits for an officer.
GRAVE_FROM = 95


class Effect(enum.StrEnum):
    """What a confirmed match means: the law freezes, or the operator refuses the risk."""

    FREEZE = "freeze"
    RISK = "risk"


class Publisher(msgspec.Struct, frozen=True):
    """Whose list it is, what the law makes of it, and where that is written."""

    title: str
    effect: Effect
    basis: str


#: Lists that we screen by. One that is not named here is a list of ours, and binds nobody but us.
PUBLISHERS: dict[str, Publisher] = {
    "agency": Publisher(
        "Financial Monitoring Agency of Kazakhstan",
        Effect.FREEZE,
        "Law 191-IV, articles 12 and 12-1: operations are frozen without delay",
    ),
    "un": Publisher(
        "United Nations Security Council, consolidated list",
        Effect.FREEZE,
        "UN Charter, article 41; FATF recommendations 6 and 7: frozen without delay",
    ),
    "ofac": Publisher(
        "US Treasury, OFAC Specially Designated Nationals",
        Effect.RISK,
        "no law of Kazakhstan; correspondent banks and card networks require it",
    ),
}


def publisher(source: str) -> Publisher:
    """Say whose list `source` is."""
    return PUBLISHERS.get(source) or Publisher(source, Effect.RISK, "a list of the operator")
