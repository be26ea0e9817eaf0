"""Keys in a token: they stay there, and what is wrong with a token is said, not worked around."""

import threading

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import AttributeSensitive

from proof import hsm
from proof.hsm import Exposed, HsmKms, NoKeys, Token, Unreachable
from proof.kms import new_data_key

KEY = new_data_key()


def test_no_key_can_be_read_out_of_the_token(token: Token) -> None:
    with token.open() as session:
        keys = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))

        assert {key[Attribute.LABEL] for key in keys} == {"kek-1", "blind"}
        for key in keys:
            assert (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) == (True, False)
            with pytest.raises(AttributeSensitive):
                key[Attribute.VALUE]


def test_a_token_is_prepared_once(token: Token) -> None:
    wrapped = HsmKms(token).wrap(KEY, "resident:1")

    assert not hsm.prepare(token)

    assert HsmKms(token).unwrap(wrapped, "resident:1") == KEY


def test_a_token_without_keys_is_not_used(empty_token: Token) -> None:
    with pytest.raises(NoKeys):
        HsmKms(empty_token)


@pytest.mark.parametrize("extractable", [True, False])
def test_a_key_that_could_be_read_out_or_has_a_twin_is_not_used(token: Token, extractable: bool) -> None:
    label = "kek-2" if extractable else "kek-1"
    with token.open(writing=True) as session:
        template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: extractable}
        session.generate_key(KeyType.AES, 256, label=label, store=True, template=template)

    with pytest.raises(Exposed, match=label):
        HsmKms(token)


@pytest.mark.parametrize("wrong", ["pin", "label"])
def test_who_is_not_let_in_hears_it_without_the_pin(token: Token, wrong: str) -> None:
    stranger = Token(token.module, *((token.label, lambda: "000000") if wrong == "pin" else ("none", token.pin)))

    with pytest.raises(Unreachable) as refused:
        HsmKms(stranger)

    assert token.pin() not in f"{refused.value} {refused.value.__cause__} {stranger!r} {token!r}"
    assert "000000" not in str(refused.value)


def test_a_lost_session_is_opened_anew(token: Token) -> None:
    kms = HsmKms(token)
    wrapped = kms.wrap(KEY, "resident:1")

    pkcs11.lib(str(token.module)).reinitialize()  # every session of this process ends

    assert kms.unwrap(wrapped, "resident:1") == KEY


def test_threads_share_a_session(token: Token) -> None:
    kms = HsmKms(token)
    wrong: list[BaseException | bytes] = []

    def work(owner: str) -> None:
        for _ in range(50):
            try:
                key = kms.unwrap(kms.wrap(KEY, owner), owner)
            except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
                wrong.append(error)
            else:
                wrong.extend([key] if key != KEY else [])

    threads = [threading.Thread(target=work, args=(f"resident:{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
