"""The checks a presentation passes, by name and in order, and the refusal that names the one it failed."""

import enum


class Check(enum.StrEnum):
    """What is checked, in this order: a check is only reached when all before it passed."""

    FORMAT = "format"
    TYPE = "type"
    CHAIN = "chain"
    SIGNATURE = "signature"
    DISCLOSURES = "disclosures"
    CLAIMS = "claims"
    VALIDITY = "validity"
    BINDING = "binding"
    AUDIENCE = "audience"
    NONCE = "nonce"
    FRESHNESS = "freshness"
    TRANSACTION = "transaction"
    POLICY = "policy"
    SIGNER = "signer"
    STATUS = "status"


class NotVerified(Exception):
    """The presentation proves nothing: `check` failed because of `reason`, a fixed word of that check."""

    def __init__(self, check: Check, reason: str) -> None:
        super().__init__(f"{check}: {reason}")
        self.check = check
        self.reason = reason


def require(holds: object, check: Check, reason: str) -> None:
    """Go on if `holds`; raises NotVerified."""
    if not holds:
        raise NotVerified(check, reason)
