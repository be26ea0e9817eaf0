"""What can be asked for: each document in each format, under the name that wallets know it by."""

import enum
from typing import Literal, TypeAlias

import msgspec

from residency.credential.dataset import Kind


class Format(enum.StrEnum):
    """How a copy is written, as OpenID4VCI calls it (appendix A)."""

    SD_JWT = "dc+sd-jwt"
    MDOC = "mso_mdoc"
    #: On paper (MOSIP Claim 169): no wallet asks for it, so no configuration names it.
    PRINT = "claim-169"


#: Where the metadata of a type are, which is its name too; another meaning would need another number.
TYPE_PATHS = {Kind.E_RESIDENT: "/credentials/e-resident/1", Kind.RESIDENT_ID: "/credentials/resident-id/1"}
#: How mdocs call the documents; the namespace of the elements is the same.
DOC_TYPES = {Kind.E_RESIDENT: "kz.gov.e-residency.e-resident.1", Kind.RESIDENT_ID: "kz.gov.e-residency.resident-id.1"}


class Configuration(msgspec.Struct, frozen=True):
    """One document in one format. `id` is its key in the issuer's metadata, `scope` what an authorization asks."""

    id: str
    kind: Kind
    format: Format

    @property
    def scope(self) -> str:
        """Name it as a scope (HAIP 1.0 section 4.1: one for each configuration)."""
        return f"credential:{self.id}"


def vct(url: str, kind: Kind) -> str:
    """Name the type of an SD-JWT VC of the issuer at `url`."""
    return url + TYPE_PATHS[kind]


_SHORT = {Format.SD_JWT: "sd_jwt", Format.MDOC: "mdoc"}
CONFIGURATIONS = {
    found.id: found
    for found in (Configuration(f"{kind}_{short}", kind, format_) for kind in Kind for format_, short in _SHORT.items())
}
#: What is printed of each document.
PRINTS = {kind: Configuration(f"{kind}_print", kind, Format.PRINT) for kind in Kind}
#: Their ids as a type of the wire.
ConfigurationId: TypeAlias = Literal[tuple(CONFIGURATIONS)]  # type: ignore[valid-type]  # one table says which there are
