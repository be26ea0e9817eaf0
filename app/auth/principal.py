"""Who is calling: what every handler knows about the caller, and nothing more."""

from typing import Literal, get_args
from uuid import UUID

import msgspec

Role = Literal["resident", "officer", "partner", "regulator", "service"]
ROLES: tuple[Role, ...] = get_args(Role)


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller.

    `subject` is stable for the life of the account: for a resident it is the holder of wallets, cards and cases.
    `scopes` are what this very token may do, already cut down to what the role may hold.
    `name` is the client id of a partner, regulator or service and the staff name of an officer; empty for a resident,
    whose name is personal data and lives in the case file.
    `session` is the session of the token. `minted`: it was opened by `mint` for a tester, who has no passkey.
    """

    role: Role
    subject: UUID
    scopes: frozenset[str]
    name: str
    session: UUID | None = None
    minted: bool = False

    @property
    def actor(self) -> str:
        """How events and audit rows name the caller: `resident:0190…`."""
        return f"{self.role}:{self.subject}"

    @property
    def holder(self) -> UUID | None:
        """Whose rows this caller may see by row-level security: its own. Officers' work is not theirs: None."""
        return None if self.role == "officer" else self.subject
