"""What a verifier wants to see: a query in DCQL (OpenID4VP 1.0 section 6), and whether what came is an answer to it.

reads      residency/credential/presenting/dcql.py    parse()
compares   residency/credential/presenting/dcql.py    lacking()    <- you are here

A query is no security check: what it asks for by `values` a wallet may have left out, so whoever decides by a value
reads it in what was verified.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from residency.credential import jws
from residency.credential.configuration import Format

_ID = r"^[A-Za-z0-9_-]+$(?!\n)"
_MANY = Meta(min_length=1, max_length=50)
Id = Annotated[str, Meta(pattern=_ID, max_length=64)]
Step = str | int | None
Value = str | int | bool
#: A key identifier in the certificate chain, the one kind of authority HAIP 1.0 demands (section 5.1).
AKI = "aki"
_MDOC_STEPS = 2


class BadQuery(Exception):
    """The query can't be meant: `reason` says why, for whoever wrote it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TrustedAuthority(msgspec.Struct, frozen=True):
    """Under whom a credential must be issued: any of `values`."""

    type: str
    values: Annotated[tuple[str, ...], _MANY]


class ClaimQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One claim, by its path; with `values` only where it is one of them. An mdoc's path is namespace and element."""

    path: Annotated[tuple[Step, ...], _MANY]
    id: Id | None = None
    values: Annotated[tuple[Value, ...], _MANY] | None = None
    intent_to_retain: bool = False


class CredentialQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One credential: its format and type, who issued it, which claims; of `claim_sets` the first that can be."""

    id: Id
    format: str
    meta: dict[str, Any]
    multiple: bool = False
    trusted_authorities: Annotated[tuple[TrustedAuthority, ...], _MANY] | None = None
    require_cryptographic_holder_binding: bool = True
    claims: Annotated[tuple[ClaimQuery, ...], _MANY] | None = None
    claim_sets: Annotated[tuple[Annotated[tuple[Id, ...], _MANY], ...], _MANY] | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The `vct` values or the document type that may answer."""
        if self.format == Format.MDOC:
            return (self.meta["doctype_value"],)
        return tuple(self.meta["vct_values"])


class SetQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """Combinations of credentials, any of which does."""

    options: Annotated[tuple[Annotated[tuple[Id, ...], _MANY], ...], _MANY]
    required: bool = True


class Query(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a verifier wants: all credentials, or what the sets ask for."""

    credentials: Annotated[tuple[CredentialQuery, ...], _MANY]
    credential_sets: Annotated[tuple[SetQuery, ...], _MANY] | None = None

    def of(self, id_: str) -> CredentialQuery | None:
        """Find a credential that is asked for."""
        return next((each for each in self.credentials if each.id == id_), None)


class Shown(msgspec.Struct, frozen=True):
    """A credential that was verified: its type, its claims as a tree, the key identifiers of its chain (hex)."""

    format: str
    type: str
    claims: Mapping[str, Any]
    authorities: frozenset[str]


def parse(raw: object) -> Query:
    """Read a query out of JSON that was decoded; what is not known is ignored. Raises BadQuery."""
    try:
        query = msgspec.convert(raw, Query)
    except msgspec.ValidationError as error:
        raise BadQuery(str(error)) from error
    _require_unique((each.id for each in query.credentials), "credentials")
    for each in query.credentials:
        _check(each)
    known = {each.id for each in query.credentials}
    for number, wanted in enumerate(query.credential_sets or ()):
        for option in wanted.options:
            if unknown := set(option) - known:
                raise BadQuery(f"credential_sets[{number}] names {min(unknown)}, which is not asked for")
    return query


def _check(wanted: CredentialQuery) -> None:
    here = f"credentials[{wanted.id}]"
    _check_type(wanted, here)
    for authority in wanted.trusted_authorities or ():
        if authority.type != AKI:
            raise BadQuery(f"{here}: of trusted_authorities only {AKI} is known")
    claims = wanted.claims or ()
    _require_unique((each.id for each in claims if each.id is not None), f"{here}.claims")
    for claim in claims:
        if wanted.format == Format.MDOC and not (
            len(claim.path) == _MDOC_STEPS and all(isinstance(step, str) for step in claim.path)
        ):
            raise BadQuery(f"{here}: the path of an mdoc is a namespace and an element")
        if any(isinstance(step, int) and step < 0 for step in claim.path):
            raise BadQuery(f"{here}: a path counts from 0")
    if wanted.claim_sets is None:
        return
    named = {each.id for each in claims}
    if not claims or None in named:
        raise BadQuery(f"{here}: claim_sets go with claims that have ids")
    if unknown := {id_ for option in wanted.claim_sets for id_ in option} - named:
        raise BadQuery(f"{here}: claim_sets name {min(map(str, unknown))}, which is no claim")


def _check_type(wanted: CredentialQuery, here: str) -> None:
    match wanted.format, wanted.meta:
        case Format.SD_JWT, {"vct_values": [_, *_] as names} if all(isinstance(each, str) for each in names):
            return
        case Format.MDOC, {"doctype_value": str(name)} if name:
            return
        case Format.SD_JWT, _:
            raise BadQuery(f"{here}.meta has no vct_values")
        case Format.MDOC, _:
            raise BadQuery(f"{here}.meta has no doctype_value")
    raise BadQuery(f"{here}.format is neither dc+sd-jwt nor mso_mdoc")


def _require_unique(ids: Iterable[str | None], where: str) -> None:
    found = list(ids)
    if len(set(found)) < len(found):
        raise BadQuery(f"{where}: an id is given twice")


def lacking(query: Query, shown: Mapping[str, Sequence[Shown]]) -> tuple[str, ...]:
    """Say what an answer lacks, in words of the query; empty where it is an answer."""
    wrong = [f"{id_} was not asked for" for id_ in shown if query.of(id_) is None]
    right: set[str] = set()
    for wanted in query.credentials:
        came = shown.get(wanted.id, ())
        faults = [*_faults(wanted, came)]
        wrong += faults
        if came and not faults:
            right.add(wanted.id)
    if query.credential_sets is None:
        wrong += [f"{each.id} is missing" for each in query.credentials if not shown.get(each.id)]
    for number, each in enumerate(query.credential_sets or ()):
        if each.required and not any(set(option) <= right for option in each.options):
            wrong.append(f"none of the options of credential_sets[{number}] is there")
    return tuple(wrong)


def _faults(wanted: CredentialQuery, came: Sequence[Shown]) -> Iterator[str]:
    if len(came) > 1 and not wanted.multiple:
        yield f"{wanted.id} came more than once"
    for each in came:
        if found := fault(wanted, each):
            yield f"{wanted.id} {_WORDS[found]}"


class Fault(enum.StrEnum):
    """Why a credential is not the one that was asked for."""

    OTHER_TYPE = "other_type"
    OTHER_AUTHORITY = "other_authority"
    OTHER_CLAIMS = "other_claims"


_WORDS = {
    Fault.OTHER_TYPE: "is of another type",
    Fault.OTHER_AUTHORITY: "is issued under another authority",
    Fault.OTHER_CLAIMS: "shows other claims",
}


def fault(wanted: CredentialQuery, came: Shown) -> Fault | None:
    """Say why a credential is not the one that was asked for; None where it is."""
    if came.format != wanted.format or came.type not in wanted.types:
        return Fault.OTHER_TYPE
    if not _is_trusted(wanted, came):
        return Fault.OTHER_AUTHORITY
    return None if _is_answered(wanted, came) else Fault.OTHER_CLAIMS


def _is_trusted(wanted: CredentialQuery, came: Shown) -> bool:
    if wanted.trusted_authorities is None:
        return True
    return any(came.authorities & {*map(_hex, each.values)} for each in wanted.trusted_authorities)


def _is_answered(wanted: CredentialQuery, came: Shown) -> bool:
    claims = wanted.claims or ()
    if wanted.claim_sets is None:
        return all(_is_there(claim, came) for claim in claims)
    by_id = {claim.id: claim for claim in claims}
    return any(all(_is_there(by_id[id_], came) for id_ in option) for option in wanted.claim_sets)


def _is_there(claim: ClaimQuery, came: Shown) -> bool:
    found = [*select(came.claims, claim.path)]
    return bool(found) and (claim.values is None or any(_same(each, value) for each in found for value in claim.values))


def _same(found: object, value: Value) -> bool:
    """Compare strictly: true is not 1 (section 6.4.1)."""
    return type(found) is type(value) and found == value


def select(tree: object, path: Sequence[Step]) -> Iterator[object]:
    """Follow a claims path pointer (section 7): a name into an object, a number into an array, null into all of it."""
    if not path:
        yield tree
        return
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if isinstance(tree, Mapping) and step in tree:
            yield from select(tree[step], rest)
    elif isinstance(tree, list):
        for each in tree if step is None else tree[step : step + 1]:
            yield from select(each, rest)


def _hex(key_identifier: str) -> str:
    """Read a key identifier as it is asked for, in base64url (section 6.1.1.1); empty where it is none."""
    try:
        return jws.unb64(key_identifier).hex()
    except jws.Unreadable:
        return ""
