"""Each resident's key: made once, opened by nobody else's, gone for good when it is gone."""

import asyncio
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, vault
from app.vault import Erased, Vault
from proof.kms import Unopenable, Wrapped
from tests.conftest import Engines
from tests.kyc.passports import AT
from tests.kyc.scans import KMS

pytestmark = pytest.mark.asyncio

ROW = uuid.uuid4()


async def opened(engines: Engines, holder: uuid.UUID) -> Vault:
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        return await vault.of(await story(), KMS, holder, AT)


async def test_a_resident_has_one_key_however_many_ask_at_once(engines: Engines) -> None:
    holder = uuid.uuid4()

    found = await asyncio.gather(*(opened(engines, holder) for _ in range(5)))

    assert len({safe.key for safe in found}) == 1
    assert len(found[0].key) == 32


async def test_a_field_opens_in_its_place_with_its_holders_key_alone(engines: Engines) -> None:
    mine, others = await opened(engines, uuid.uuid4()), await opened(engines, uuid.uuid4())
    sealed = mine.seal(b"Anna", table="kyc.document", column="person", row=ROW)

    assert mine.open(sealed, table="kyc.document", column="person", row=ROW) == b"Anna"
    with pytest.raises(Unopenable):
        others.open(sealed, table="kyc.document", column="person", row=ROW)
    with pytest.raises(Unopenable):
        mine.open(sealed, table="kyc.document", column="person", row=uuid.uuid4())
    with pytest.raises(Unopenable):
        mine.open(sealed, table="kyc.evidence", column="person", row=ROW)


async def test_a_key_is_stored_only_wrapped_for_its_holder(engines: Engines) -> None:
    holder, other = uuid.uuid4(), uuid.uuid4()
    mine = await opened(engines, holder)

    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        wrapped = await (await story()).scalar(
            text("SELECT wrapped FROM app.resident_key WHERE holder = :holder"), {"holder": holder}
        )

    assert mine.key not in wrapped
    with pytest.raises(Unopenable):
        KMS.unwrap(Wrapped(1, wrapped), str(other))


async def test_nobody_sees_or_changes_the_key_of_another(engines: Engines) -> None:
    holder = uuid.uuid4()
    await opened(engines, holder)

    async with db.transaction(engines.api, holder=uuid.uuid4(), audience="resident") as story:
        with pytest.raises(Erased):
            await vault.existing(await story(), KMS, holder)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.transaction(engines.api, holder=holder, audience="resident") as story:
            await (await story()).execute(text("UPDATE app.resident_key SET wrapped = ''"))


async def test_a_vault_shows_nothing_of_its_key(engines: Engines) -> None:
    safe = await opened(engines, uuid.uuid4())

    assert repr(safe) == "Vault()"
    assert str(safe) == "Vault()"
