"""Whether a presentation proves what it shows, with no network: the bundle of the issuer and a pinned root are enough.

eresidency present FILE --bundle F --root F --audience WHOM --nonce N [--response-uri U --key F]   over the network
eresidency present FILE --bundle F --root F --engagement E --establishment F --reader-key F [--handover F]  beside one

FILE is an SD-JWT with its key binding, a DeviceResponse (bytes or base64url), or what a phone sent encrypted to a
reader beside it. `--query` is what was asked, in DCQL; without one any document will do that somebody is believed for.
`--at` is when it is judged, by default now. With `--unbound` nobody asks who presented it: a copy of a copy will do.
The bundle is GET /.well-known/eresidency-bundle; a status in it is as old as the bundle is. It is believed under the
roots that are given, and what --crl says of its own signer it can't hide (app/asking/pinned.py).
"""

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app import clock
from app.asking import command, pinned
from app.asking.command import Commands, Unasked
from law.calendar import statutory_date
from residency.credential import cbor, jws
from residency.credential.configuration import Format
from residency.credential.key_binding import Occasion
from residency.credential.mdoc import session
from residency.credential.mdoc.response import Meeting
from residency.credential.presenting import asking, bundle, dcql, judging, proximity
from residency.credential.presenting.dcql import CredentialQuery, Query, SetQuery
from residency.credential.presenting.judging import Answer, Binding, Conclusion, Entry, Presented, Signer, Verdict
from residency.credential.presenting.proximity import BadMeeting, Met
from residency.credential.presenting.trust import Trust

_SD_JWT, _MDOC = "sd_jwt", "mdoc"
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*~")
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")


def add(commands: Commands) -> None:
    """Add `present`."""
    parser = commands.add_parser("present", help="judge a presentation offline: 0 accepted, 1 anything else")
    parser.add_argument("shown", type=command.content, metavar="FILE", help="what was presented")
    parser.add_argument("--bundle", type=command.content, required=True, metavar="F", help="of the issuer")
    pinned.add(parser)
    parser.add_argument("--query", type=command.content, metavar="F", help="what was asked, in DCQL")
    parser.add_argument("--at", type=_instant, metavar="TIME", help="when it is judged, by default now")
    parser.add_argument("--unbound", action="store_true", help="ask for no proof of the holder's key")
    parser.add_argument("--audience", metavar="WHOM", help="the client_id of the request")
    parser.add_argument("--nonce", metavar="N", help="of the request")
    parser.add_argument("--response-uri", metavar="U", help="of the request; an mdoc is bound to it")
    parser.add_argument("--key", type=_jwk, metavar="F", help="the key the answer was encrypted to, a JWK")
    parser.add_argument("--engagement", metavar="E", help="the QR code of the phone, mdoc:…")
    parser.add_argument(
        "--establishment", type=command.content, metavar="F", help="SessionEstablishment as it was sent"
    )
    parser.add_argument("--reader-key", type=_key, metavar="F", help="the reader's ephemeral private key (JWK, PEM)")
    parser.add_argument("--handover", type=command.content, metavar="F", help="that of NFC, as CBOR")
    command.register(parser, _present)


def _present(given: Namespace) -> tuple[msgspec.Struct, bool]:
    at = given.at or clock.real()
    known = pinned.of(given, at=at)
    try:
        taken = bundle.opened(given.bundle.decode("ascii", "replace"), known.roots, at=at, revoked=known.revoked)
        trust = bundle.trust_of(taken, known.roots, on=statutory_date(at), at=at, revoked=known.revoked)
        query = _query(given.query, trust)
        presented = _beside(given, query, trust) if given.engagement else _remote(given, query, trust)
    except bundle.BadBundle as error:
        raise Unasked(f"--bundle: {error.reason}") from error
    except dcql.BadQuery as error:
        raise Unasked(f"--query: {error.reason}") from error
    except (BadMeeting, judging.BadAnswer) as error:
        raise Unasked(error.reason) from error
    told: dict[Entry | Signer, Answer] = {}
    for each in _all(presented):
        if each.issuer is not None and each.entry is not None:
            told[each.entry] = bundle.told(taken, each.entry, each.issuer, at=at)
        if each.issuer is not None and each.signer is not None:
            told[each.signer] = bundle.vouched(taken, each.signer, each.issuer, at=at)
    verdict: Verdict = judging.conclude(presented, query, told, at=at)
    return verdict, verdict.conclusion is Conclusion.ACCEPTED


def _all(presented: Mapping[str, tuple[Presented, ...]]) -> list[Presented]:
    return [each for group in presented.values() for each in group]


def _query(raw: bytes | None, trust: Trust) -> Query:
    """Read what was asked; else ask for one document of any type that somebody stands for."""
    if raw is not None:
        try:
            return dcql.parse(msgspec.json.decode(raw))
        except msgspec.DecodeError as error:
            raise dcql.BadQuery("no JSON") from error
    wanted = (
        CredentialQuery(_SD_JWT, Format.SD_JWT, {"vct_values": trust.types()}),
        *(
            CredentialQuery(f"{_MDOC}_{number}", Format.MDOC, {"doctype_value": type_})
            for number, type_ in enumerate(trust.types())
        ),
    )
    return Query(wanted, (SetQuery(tuple((each.id,) for each in wanted)),))


def _remote(given: Namespace, query: Query, trust: Trust) -> Mapping[str, tuple[Presented, ...]]:
    """Check what answered a request over the network, or nobody's."""
    if (given.audience is None) is not given.unbound or (given.nonce is None) is not given.unbound:
        raise Unasked("--audience and --nonce, both of the request, or --unbound")
    shown: bytes = given.shown.strip()
    if _COMPACT.match(shown):
        occasion = Occasion(given.audience, given.nonce) if given.nonce else None
        wanted = next((each for each in query.credentials if each.format == Format.SD_JWT), None)
        if wanted is None:
            raise Unasked("--query: asks for no SD-JWT")
        return {wanted.id: (judging.present(shown.decode("ascii", "replace"), wanted, Binding(occasion), trust),)}
    return judging.met(_octets(shown), query, _asked(given), trust)


def _asked(given: Namespace) -> Meeting | None:
    """Say over which request a device signed; None where none is told."""
    if given.nonce is None:
        return None
    if given.response_uri is None:
        raise Unasked("--response-uri: an mdoc is bound to it")
    thumbprint = None if given.key is None else asking.thumbprint(given.key)
    return Meeting(
        session.openid4vp(
            client_id=given.audience, nonce=given.nonce, response_uri=given.response_uri, key_thumbprint=thumbprint
        )
    )


def _beside(given: Namespace, query: Query, trust: Trust) -> Mapping[str, tuple[Presented, ...]]:
    """Check what a phone showed to a reader beside it."""
    if given.establishment is None or given.reader_key is None:
        raise Unasked("--engagement, --establishment and --reader-key: a meeting is known by all three")
    reader_key = proximity.reader_key_of(given.establishment)
    met = Met(proximity.engagement(given.engagement), reader_key, given.reader_key, given.handover)
    shown = _octets(given.shown)
    response = proximity.opened(met, shown) if _is_encrypted(shown) else shown
    return judging.met(response, query, proximity.meeting(met), trust)


def _is_encrypted(shown: bytes) -> bool:
    try:
        return "data" in cbor.parts(shown)
    except cbor.Malformed:
        return False


def _octets(shown: bytes) -> bytes:
    """Take bytes as they are, and base64url for what it says."""
    text = shown.strip()
    if not _BASE64URL.fullmatch(text):
        return shown
    try:
        return jws.unb64(text.decode("ascii"))
    except jws.Unreadable:
        return shown


def _jwk(name: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(command.content(name), type=dict[str, str])
        jws.public_key({name: value for name, value in found.items() if name != "d"})
    except (msgspec.MsgspecError, jws.BadKey) as error:
        raise ArgumentTypeError(f"{name}: no JWK on P-256") from error
    return found


def _key(name: str) -> ec.EllipticCurvePrivateKey:
    data = command.content(name)
    try:
        if not data.lstrip().startswith(b"-----"):
            return proximity.key_of(msgspec.json.decode(data, type=dict[str, str]))
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, msgspec.MsgspecError, BadMeeting) as error:
        raise ArgumentTypeError(f"{name}: no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ArgumentTypeError(f"{name}: no key on P-256")
    return key


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text}: a time as 2026-11-22T09:30:00Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
