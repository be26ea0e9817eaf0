"""What a machine readable zone and a passport's chip say: kyc's own answers as JSON.

eresidency mrz LINE… [--at DATE]
eresidency passport --sod F [--dg N=F …] [--master-list F …] [--crl F …] [--at DATE] [--nonce HEX --answer HEX]

`--master-list` takes a CSCA master list, believed if its publisher's key is pinned (kyc/chip/list_signers.toml) or
given with `--pin`, or a certificate (DER, PEM), trusted as it is; what is not believed is told and not used. A list
that does not read is no list, and nothing is asked.
"""

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import msgspec

from app import clock
from app.asking import command
from app.asking.command import Commands, Unasked
from kyc.chip import answer, certificate, der, lds, pins, store
from kyc.chip.answer import SourceTold
from kyc.chip.pins import Pin
from kyc.chip.report import Grade
from kyc.chip.store import File, Kind
from kyc.mrz import answer as zone_answer
from law.calendar import statutory_date

_NOON = time(7, tzinfo=UTC)  # in Kazakhstan, so that a day is that day
_WIDTHS = {88: 44, 72: 36, 90: 30}
_ARMOURED = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")


def add(commands: Commands) -> None:
    """Add `mrz` and `passport`."""
    zone = commands.add_parser("mrz", help="read a machine readable zone: 0 it reads, 1 it does not")
    zone.add_argument("lines", metavar="LINE", nargs="+", help="as read, nothing corrected; all in one is taken apart")
    zone.add_argument("--at", type=_day, metavar="DATE", help="the day it is read on, by default today")
    command.register(zone, _zone)

    chip = commands.add_parser("passport", help="verify the files of a passport's chip: 0 valid, 1 any other grade")
    chip.add_argument("--sod", type=command.content, required=True, metavar="F", help="EF.SOD")
    chip.add_argument(
        "--dg", type=_group, action="append", default=[], metavar="N=F", help="EF.DG<N>; again for others"
    )
    lists = "a CSCA master list or certificate; again for others"
    chip.add_argument("--master-list", type=_trusted, action="append", default=[], metavar="F", help=lists)
    chip.add_argument(
        "--crl", type=_revoked, action="append", default=[], metavar="F", help="what an authority revoked"
    )
    keys = "SHA-256 of the public key of a publisher of master lists to believe beside those that come with the house"
    chip.add_argument("--pin", type=_pin, action="append", default=[], metavar="SHA256", help=keys)
    chip.add_argument("--at", type=_day, metavar="DATE", help="the day it is verified on, by default today")
    chip.add_argument("--nonce", type=_bytes, metavar="HEX", help="what the chip was given to sign (RND.IFD)")
    chip.add_argument("--answer", dest="signed", type=_bytes, metavar="HEX", help="what it answered")
    command.register(chip, _passport)


def _zone(given: Namespace) -> tuple[msgspec.Struct, bool]:
    told = zone_answer.of(_lines(given.lines), given.at or statutory_date(clock.real()))
    return told, told.valid


def _lines(given: Sequence[str]) -> list[str]:
    """Take lines apart that came as one."""
    lines = [line for text in given for line in text.split()]
    if len(lines) == 1 and (width := _WIDTHS.get(len(lines[0]))):
        lines = [lines[0][start : start + width] for start in range(0, len(lines[0]), width)]
    return lines


def _passport(given: Namespace) -> tuple[msgspec.Struct, bool]:
    at = clock.real() if given.at is None else datetime.combine(given.at, _NOON)
    groups = dict(given.dg)
    if len(groups) < len(given.dg):
        raise Unasked("--dg: two files of one number, and a chip has one")
    if (given.nonce is None) != (given.signed is None):
        raise Unasked("--nonce and --answer: what was to be signed and what was signed, or neither")
    files = [file for each in given.master_list for file in each] + given.crl
    sifted = store.sift(files, (*pins.published(), *given.pin))
    if broken := [bad for bad in sifted.refused if not bad.reads]:
        raise Unasked(str(broken[0]))
    refused = [SourceTold(name=bad.name, believed=False, why=bad.why) for bad in sifted.refused]
    challenge = None if given.nonce is None else (given.nonce, given.signed)
    told = answer.of(given.sod, groups, sifted.trust, at, challenge=challenge, refused=refused)
    return told, told.verdict is Grade.VALID


def _group(text: str) -> tuple[int, bytes]:
    number, equals, name = text.partition("=")
    if not equals or not number.isdecimal() or int(number) not in lds.GROUPS:
        raise ArgumentTypeError(f"{text}: a number from 1 to 16, =, and a file")
    return int(number), command.content(name)


def _trusted(name: str) -> list[File]:
    """Read a file by what it holds: one certificate or several, or else a list."""
    data = command.content(name)
    if armoured := _ARMOURED.findall(data):
        count = len(armoured)
        names = [name if count == 1 else f"{name}#{number}" for number in range(1, count + 1)]
        return [File(each, Kind.CERTIFICATE, body) for each, body in zip(names, armoured, strict=True)]
    if _SIGNED_DATA not in data[:32]:
        try:
            certificate.read(data)
        except der.Malformed:
            return [File(name, Kind.LIST, data)]
        return [File(name, Kind.CERTIFICATE, data)]
    return [File(name, Kind.LIST, data)]


def _revoked(name: str) -> File:
    return File(name, Kind.REVOCATIONS, command.content(name))


def _pin(text: str) -> Pin:
    key = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ArgumentTypeError(f"{text}: 64 hex digits")
    return Pin(country="", name="", key=key, certificate="", source="the command line", checked_on=date.min)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text}: hex digits") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text}: a day as 2026-11-22") from error
