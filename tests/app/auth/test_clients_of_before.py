"""Revision 0012 takes the clients, partners and officers there are with it, and back."""

import json
import uuid
from datetime import UTC, datetime

import msgspec
import pytest
import sqlalchemy
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sqlalchemy import pool, text

from app import migrate
from app.auth import jose
from proof.signer import FileSigner

AT = datetime(2026, 11, 1, tzinfo=UTC)
EC = FileSigner(ec.generate_private_key(ec.SECP256R1()))
OKP = FileSigner(ed25519.Ed25519PrivateKey.generate())
NETWORK = FileSigner(ed25519.Ed25519PrivateKey.generate())
MACHINE, OFFICER, PARTNER = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()

_BEFORE = """
INSERT INTO app.subject (id, role, name, at)
VALUES (:machine, 'regulator', 'afm', :at), (:officer, 'officer', 'E. Nurlan', :at);
INSERT INTO app.client (id, subject, jwks, at) VALUES ('afm', :machine, CAST(:jwks AS jsonb), :at);
INSERT INTO app.partner (id, code, name, kind, state, kek_version, data_key, enrolled_at)
VALUES (:partner, 'mspk', 'A network', 'network', 'active', 1, '', :at);
INSERT INTO app.partner_key (partner, kid, scheme, public_key, valid_from) VALUES (:partner, '1', 'v1a', :public, :at);
INSERT INTO app.partner_key (partner, kid, scheme, secret, kek_version, valid_from)
VALUES (:partner, '2', 'v1', '', 1, :at)
"""


@pytest.mark.fresh
def test_keys_and_duties_of_before_are_kept(database: str) -> None:
    migrate.downgrade(database, "0011")
    public = jose.unb64(NETWORK.public_jwk["x"])
    row = {"machine": MACHINE, "officer": OFFICER, "partner": PARTNER, "at": AT, "public": public}
    row["jwks"] = json.dumps([EC.public_jwk | {"kid": "2026"}, _without_kid(OKP)])
    owner = sqlalchemy.create_engine(database, poolclass=pool.NullPool)
    with owner.begin() as connection:
        for statement in _BEFORE.split(";"):
            named = {name: value for name, value in row.items() if f":{name}" in statement}
            connection.execute(text(statement), named)

    migrate.upgrade(database, "0012")
    with owner.begin() as connection:
        keys = {(r.subject, r.kid): r for r in connection.execute(text("SELECT * FROM app.client_key"))}
        scopes = {r.id: r.scopes for r in connection.execute(text("SELECT id, scopes FROM app.client"))}
        duties = connection.execute(text("SELECT officer, duty, approved_by FROM app.officer_grant")).all()
        secrets = connection.scalars(text("SELECT kid FROM app.partner_key")).all()
    assert set(keys) == {(MACHINE, "2026"), (MACHINE, OKP.kid), (PARTNER, NETWORK.kid)}
    for found in keys.values():
        assert jose.key_of(msgspec.convert(found.jwk, jose.Jwk)).thumbprint == found.thumbprint
        assert (found.valid_from, found.valid_to) == (AT, None)
    assert scopes == {"afm": ["regulator:reports", "regulator:keys"], "mspk": ["partner:events", "partner:keys"]}
    assert [tuple(each) for each in duties] == [(OFFICER, "approver", "operator")]
    assert secrets == ["2"]

    migrate.downgrade(database, "0011")
    with owner.begin() as connection:
        back = connection.execute(text("SELECT public_key FROM app.partner_key WHERE scheme = 'v1a'")).scalars().all()
        jwks = connection.scalar(text("SELECT jwks FROM app.client WHERE id = 'afm'"))
    assert back == [public]
    assert {each["kid"] for each in jwks} == {"2026", OKP.kid}
    migrate.upgrade(database)
    owner.dispose()


def _without_kid(signer: FileSigner) -> dict[str, str]:
    return {name: value for name, value in signer.public_jwk.items() if name != "kid"}
