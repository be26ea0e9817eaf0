"""Passports: verifying a chip's files, reading a zone, loading the published lists, in seconds of the processor.

The samples are those of other people where ../shared/data has them (the BSI specimen and six of another maker, against
both published lists), else passports of our own authorities. The specimen's curve is one OpenSSL lacks: its signature
is checked in Python, which is the slowest sample. Nothing is remembered from one verification to the next but the
spelling of authorities' names. The peer is OpenSSL's two signature checks alone, without anything around them.
"""

import asyncio
import gc
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.ground import Ground
from bench.row import Goal, Row, row
from kyc import mrz
from kyc.chip import certificate, passive, store, trust
from kyc.chip.trust import Trust
from kyc.mrz import readings
from simulators import passport

ROUNDS = 40
ZONES = 4_000

_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
_DATA = Path(os.environ.get("ERESIDENCY_REFERENCE_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
_ZONES = (
    ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
    ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"),
    ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"),
    ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"),
)


class Sample(msgspec.Struct, frozen=True):
    """The files of one passport."""

    name: str
    sod: bytes
    groups: Mapping[int, bytes]


async def rows(_: Ground) -> list[Row]:
    """Measure passive authentication, zones, and the lists."""
    return await asyncio.to_thread(_rows)


def _rows() -> list[Row]:
    published = sorted((_DATA / "emrtd").glob("*.ml")) if _DATA.is_dir() else []
    samples, believed = _samples(published)
    for sample in samples:
        report = passive.verify(sample.sod, sample.groups, believed, _AT)
        assert report.steps[2].grade == "valid", f"{sample.name}: {report.grade}"
    each = {sample.name: _times(lambda one=sample: _verify(one, believed), ROUNDS) for sample in samples}  # type: ignore[misc]  # bound at once
    every = [ms for times in each.values() for ms in times]
    mean = statistics.fmean(statistics.fmean(times) for times in each.values())
    own = "published samples" if published else "our own samples"
    zones = _times(lambda: [mrz.parse(lines, date(2026, 11, 22)) for lines in _ZONES], ZONES // len(_ZONES))
    slowest = max(each, key=lambda name: statistics.median(each[name]))
    return [
        row(f"passports verified, {len(samples)} {own}", 1_000 / mean, "1/s", peer=("two bare P-256 checks", _bare()),
            goal=Goal(value_min=300)),
        row("one verified, median", statistics.median(every), "ms", goal=Goal(value_max=2)),
        row("one verified, p95", _p95(every), "ms"),
        row(f"the slowest sample, {slowest}", statistics.median(each[slowest]), "ms"),
        row("zone read, median", statistics.median(zones) / len(_ZONES) * 1_000, "µs", goal=Goal(value_max=50)),
        row("zone read, p95", _p95(zones) / len(_ZONES) * 1_000, "µs"),
        row("other readings of a zone", statistics.median(_times(_readings, 50)), "ms"),
        *_loading(published),
    ]  # fmt: skip


def _samples(published: list[Path]) -> tuple[list[Sample], Trust]:
    if not published:
        authorities = [passport.Authority.seeded(1, kind=kind) for kind in passport.KINDS]
        made = [(kind, _issued(by)) for kind, by in zip(passport.KINDS, authorities, strict=True)]
        believed = trust.of(certificate.read(each.certificate) for each in authorities)
        return [Sample(kind, shown.sod, shown.files) for kind, shown in made], believed
    emrtd = _DATA / "emrtd"
    lists = store.load({path.name: path.read_bytes() for path in published})
    makers = (certificate.read(path.read_bytes()) for path in sorted(emrtd.glob("zkr/zkr-csca-*.pem")))
    specimen = passport.specimen(emrtd / "bsi2008")
    others = [Sample(path.stem, path.read_bytes(), {}) for path in sorted(emrtd.glob("zkr/*.sod"))]
    believed = trust.of([*lists.anchors.values(), *makers])
    return [Sample("BSI specimen, brainpoolP224r1", specimen.sod, specimen.files), *others], believed


def _issued(by: passport.Authority) -> passport.Passport:
    born, expires = date(1974, 8, 12), date(2032, 4, 15)
    return by.issue(surname="ERIKSSON", given="ANNA", born=born, number="L898902C3", expires=expires)


def _verify(sample: Sample, believed: Trust) -> None:
    passive.verify(sample.sod, sample.groups, believed, _AT)


def _readings() -> None:
    readings.of([line.replace("0", "O") for line in _ZONES[0]], date(2026, 11, 22))


def _loading(published: list[Path]) -> list[Row]:
    """Measure what a start pays for the published lists."""
    if not published:
        return []
    files = {path.name: path.read_bytes() for path in published}
    seconds = statistics.median(_times(lambda: store.load(files), 3)) / 1_000
    gc.collect()
    tracemalloc.start()
    kept = store.load(files)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    name = f"{len(published)} master lists, {len(kept.anchors)} authorities"
    return [row(f"{name}: loaded", seconds, "s"), row(f"{name}: held", held / 2**20, "MB")]


def _bare() -> float:
    """Measure how often a second two signatures are checked and nothing else."""
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    signature, public = key.sign(b"message", algorithm), key.public_key()
    return 1_000 / (2 * statistics.median(_times(lambda: public.verify(signature, b"message", algorithm), 500)))


def _times(act: Callable[[], object], times: int) -> list[float]:
    """Measure so many runs in milliseconds of the processor, after one that does not count."""
    act()
    taken = []
    for _ in range(times):
        started = time.process_time_ns()
        act()
        taken.append((time.process_time_ns() - started) / 1e6)
    return taken


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]
