"""What somebody says of their money in their own words, sealed with their own key."""

from uuid import UUID

import msgspec

from app.vault import Vault


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Where they work, how the money came, how all they own did."""

    employer: str
    funds: str
    wealth: str

    def sealed(self, keys: Vault, row: UUID) -> bytes:
        """Seal them for their declaration."""
        return keys.seal(msgspec.json.encode(self), table="kyc.declaration", column="words", row=row)

    @classmethod
    def opened(cls, keys: Vault, content: bytes, row: UUID) -> "Words":
        """Open those of a declaration."""
        plain = keys.open(content, table="kyc.declaration", column="words", row=row)
        return msgspec.json.decode(plain, type=cls)
