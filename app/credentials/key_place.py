"""Where the keys that sign credentials are: in files that only the KMS can open, or in a token of an HSM.

The certificates over them, which say what each is for, are in app/credentials/signing_keys.py.
"""

from pathlib import Path
from typing import Protocol

import msgspec

from proof import hsm_signer
from proof.hsm import NoKeys, Token
from proof.hsm_signer import HsmSigner
from proof.kms import Kms
from proof.signer import Alg, FileSigner, Signer

#: Where certificates of those are who ask wallets through us: app/credentials/verifiers.py.
VERIFIERS = "verifiers"


class SignerAbsent(Exception):
    """The token has no key of this role yet: `eresidency signer rotate ROLE` makes it."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.role = role


class Keys(Protocol):
    """Where the signing keys are; `in_passing` says whether `open` makes what is missing."""

    @property
    def in_passing(self) -> bool:
        """Whether a key can be made safely by whoever needs it first."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a key `name`."""
        ...

    def open(self, name: str) -> Signer:
        """Open the key `name`."""
        ...

    def make(self, name: str) -> None:
        """Make the key `name`, as an operator asks for."""
        ...


class Files(msgspec.Struct, frozen=True):
    """Keys in files of a folder, encrypted by a word that only the KMS can tell; made in passing."""

    folder: Path
    kms: Kms

    @property
    def in_passing(self) -> bool:
        """See Keys."""
        return True

    def has(self, name: str) -> bool:
        """See Keys."""
        return (self.folder / f"{name}.key").exists()

    def open(self, name: str) -> FileSigner:
        """See Keys; raises proof.signer.BadKey."""
        word = self.kms.blind("credential key", name).hex().encode()
        return FileSigner.open(self.folder / f"{name}.key", Alg.ES256, word=word)

    def make(self, name: str) -> None:
        """See Keys."""
        self.open(name)


class InToken(msgspec.Struct, frozen=True):
    """Keys in a token of an HSM, where an operator makes them: `eresidency signer rotate document`."""

    token: Token

    @property
    def in_passing(self) -> bool:
        """See Keys."""
        return False

    def has(self, name: str) -> bool:
        """See Keys; raises proof.hsm.Unreachable, proof.hsm.Exposed."""
        try:
            self.open(name)
        except SignerAbsent:
            return False
        return True

    def open(self, name: str) -> HsmSigner:
        """See Keys; raises proof.hsm.Unreachable, proof.hsm.Exposed, SignerAbsent."""
        try:
            return HsmSigner(self.token, name)
        except NoKeys as error:
            raise SignerAbsent(name.partition("-")[0]) from error

    def make(self, name: str) -> None:
        """See Keys; raises proof.hsm.Unreachable, proof.hsm_signer.KeyThere."""
        hsm_signer.make(self.token, name)


class Home(msgspec.Struct, frozen=True):
    """Where an installation's certificates are, for which URL they speak, who has whose keys."""

    folder: Path
    url: str
    root: Keys
    keys: Keys

    @classmethod
    def of(
        cls, folder: Path, *, url: str, kms: Kms, token: Token | None = None, root_token: Token | None = None
    ) -> "Home":
        """Find the keys in files, or those of the leaves in a `token` and the roots' in a `root_token`."""
        files = Files(folder, kms)
        root, keys = (files if each is None else InToken(each) for each in (root_token, token))
        return cls(folder, url, root, keys)
