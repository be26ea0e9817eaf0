"""Active authentication: the original answers, and nothing else does."""

from dataclasses import replace
from pathlib import Path

import pytest

from kyc.check import Verdict
from kyc.chip import active, authentication, der, passive, trust
from kyc.chip.authentication import Offered
from kyc.chip.report import Copying, Grade
from simulators import passport as make
from simulators.chip import Chip
from simulators.passport import Passport
from simulators.portrait import tlv
from tests.kyc.passports import AT, authority, passport, trusting

NONCE = bytes.fromhex("96302b0f3d7e7864")
KINDS = ("rsa2048", "rsa3072", "p256", "p384", "brainpool256")
CHIPS = {kind: Chip.make(kind) for kind in KINDS}

by_kind = pytest.mark.parametrize("kind", KINDS)


def shown(chip: Chip) -> Passport:
    by = authority()
    bare = passport(by)
    files = {**bare.files, **chip.files}
    return replace(bare, files=files, sod=by.sign(files))


def judged(chip: Chip, answer: bytes, nonce: bytes = NONCE, *, spoiled: int | None = None) -> tuple[Grade, Copying]:
    document = shown(chip)
    files = dict(document.files)
    if spoiled:
        files[spoiled] = files[spoiled][:-1] + bytes([files[spoiled][-1] ^ 1])
    report = passive.verify(document.sod, files, trusting(authority()), AT)
    step = active.judge(report, files, nonce, answer)
    return step.grade, active.copying([step.finding()])


@by_kind
def test_the_original_chip_answers(kind: str) -> None:
    chip = CHIPS[kind]

    assert judged(chip, chip.answer(NONCE)) == (Grade.VALID, Copying.EXCLUDED)


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_every_digest_of_iso_9796_2_is_known(digest: str) -> None:
    chip = replace(CHIPS["rsa2048"], digest=digest)

    assert {judged(chip, chip.answer(NONCE))[0] for _ in range(4)} == {Grade.VALID}, "whichever of s and n - s it sends"


@by_kind
def test_a_copy_has_the_files_and_not_the_key(kind: str) -> None:
    assert judged(CHIPS[kind], Chip.make(kind).answer(NONCE)) == (Grade.BAD_SIGNATURE, Copying.NOT_EXCLUDED)


@by_kind
def test_an_answer_to_another_challenge_is_none(kind: str) -> None:
    chip = CHIPS[kind]

    assert judged(chip, chip.answer(NONCE), bytes(8))[0] is Grade.BAD_SIGNATURE


@pytest.mark.parametrize("answer", [b"", b"\0", bytes(256), b"\xff" * 256, bytes(5000)], ids=len)
@by_kind
def test_anything_else_is_no_answer(kind: str, answer: bytes) -> None:
    assert judged(CHIPS[kind], answer)[0] is Grade.BAD_SIGNATURE


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_every_bit_of_an_answer_counts(kind: str) -> None:
    chip = CHIPS[kind]
    answer, key, offered = chip.answer(NONCE), chip.files[15], chip.files.get(14)

    for place in range(0, len(answer), 5):
        changed = answer[:place] + bytes([answer[place] ^ 1]) + answer[place + 1 :]
        assert active.verify(key, offered, NONCE, changed).grade is Grade.BAD_SIGNATURE


def test_a_key_that_nobody_signed_proves_nothing() -> None:
    """A forger can bring a key of his own: the answer is good, the key is not the state's."""
    chip, forger = CHIPS["p256"], Chip.make("p256")
    document = shown(chip)
    files = {**document.files, 15: forger.files[15]}
    report = passive.verify(document.sod, files, trusting(authority()), AT)

    step = active.judge(report, files, NONCE, forger.answer(NONCE))

    assert step.params == {"reason": "key_not_proven"}
    assert str(step.verdict) == "not_applicable"
    assert active.copying([step.finding()]) is Copying.NOT_CHECKED


def test_nothing_is_proven_where_the_state_is_unknown_or_the_key_was_not_read() -> None:
    chip = CHIPS["p256"]
    document = shown(chip)
    unknown = passive.verify(document.sod, document.files, trust.of(()), AT)
    unread = {number: file for number, file in document.files.items() if number != 15}
    known = passive.verify(document.sod, unread, trusting(authority()), AT)

    answers = [(unknown, document.files, "key_not_proven"), (known, unread, "answer_missing")]
    for report, files, reason in answers:
        assert active.judge(report, files, NONCE, chip.answer(NONCE)).params["reason"] == reason


def test_a_chip_that_could_prove_it_is_the_original_and_did_not_is_looked_at_by_a_person() -> None:
    able, bare = shown(CHIPS["p256"]), passport(authority())
    without = {number: file for number, file in able.files.items() if number != 15}

    [missing] = active.unasked(passive.verify(able.sod, without, trusting(authority()), AT))

    assert (missing.check, missing.verdict, missing.params) == (
        active.CHECK, Verdict.REVIEW, {"reason": "answer_missing"},
    )  # fmt: skip
    assert active.copying([missing.finding()]) is Copying.NOT_CHECKED
    assert active.unasked(passive.verify(bare.sod, bare.files, trusting(authority()), AT)) == ()


def test_a_curve_without_a_named_digest_is_tried_with_each() -> None:
    chip = CHIPS["p384"]

    assert active.verify(chip.files[15], None, NONCE, replace(chip, digest="sha384").answer(NONCE)).grade is Grade.VALID


@pytest.mark.parametrize(
    "group", [b"", b"\x6f\x00", tlv(0x6F, b"\x30\x00"), tlv(0x6E, b""), b"\x6f\x80", bytes(40_000)]
)
def test_a_broken_key_file_is_malformed(group: bytes) -> None:
    assert active.verify(group, None, NONCE, bytes(64)).grade is Grade.MALFORMED


def test_the_specimens_key_is_one_of_1022_bits_and_belongs_to_nobody(reference: Path) -> None:
    group = (reference / "emrtd" / "bsi2008" / "Datagroup15.bin").read_bytes()

    assert active.verify(group, None, NONCE, bytes(127) + b"\xbc").params == {"method": "active_authentication"}


# -- chip authentication ---------------------------------------------------------------------------------------------


class Terminal:
    """Whoever held a session: believes a transcript that says so."""

    def __init__(self) -> None:
        self.asked: list[Offered] = []

    def proved(self, offered: Offered, transcript: bytes) -> bool:
        self.asked.append(offered)
        return transcript == b"good"


def test_the_specimen_offers_chip_authentication_and_a_terminal_may_judge_it(reference: Path) -> None:
    group = (reference / "emrtd" / "bsi2008" / "Datagroup14.bin").read_bytes()
    terminal = Terminal()

    assert authentication.verify(group, b"good", terminal).grade is Grade.VALID
    assert authentication.verify(group, b"bad", terminal).grade is Grade.BAD_SIGNATURE
    (offered, _) = terminal.asked
    assert (offered.protocols, [key.kind for key in offered.keys]) == (("0.4.0.127.0.7.2.2.3.2.1",), ["ecdh"])


def test_a_chip_that_offers_no_key_can_not_be_judged_by_it() -> None:
    step = authentication.verify(CHIPS["p256"].files[14], b"good", Terminal())

    assert (step.grade, step.params) == (Grade.BAD_SIGNATURE, {"reason": "not_offered"})


@pytest.mark.parametrize(
    "group", [b"", b"\x6e\x00", tlv(0x6E, b"\x31\x02\x30\x00"), tlv(0x6E, b"\x30\x80"), bytes(40_000)]
)
def test_a_broken_dg14_is_malformed(group: bytes) -> None:
    with pytest.raises(der.Malformed):
        authentication.read(group)
    assert authentication.verify(group, b"good", Terminal()).grade is Grade.MALFORMED


def test_the_simulators_chips_are_read_like_a_specimen() -> None:
    assert authentication.read(CHIPS["brainpool256"].files[14]).active_digest == "sha256"
    assert make.KINDS
