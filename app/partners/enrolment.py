"""A partner comes to be: who it is, the key it is believed by, where it is called and told. And what a bank offers.

from   app/cli.py  eresidency partner enrol, eresidency product publish       the operator, in production too
       app/http/sandbox/partners.py, through app/partners/demo.py             whoever tests from outside
"""

import hashlib
from datetime import datetime
from uuid import UUID, uuid5

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.account import consent
from app.auth import jose
from app.db import Story
from app.house import House
from app.partners import destination, registry, subscription
from app.partners.registry import Kind, Partner, UnknownPartner
from invest import product
from invest.product import Jurisdiction, Offer, Terms
from law.currency import Currency

#: What a partner is told, where it is named.
TOLD = [
    "payment.credited",
    "payment.suspended",
    "placement.requested",
    "placement.booked",
    "placement.released",
    "placement.repaid",
]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as it should be; `events_url` is where it wants to be told.

    It is believed by `jwks`, the public keys of its client, and by `key`, as Standard Webhooks writes one: `whpk_…`, or
    `whsec_…`, which proves its webhooks and nothing else.
    `country` is where it is established (ISO 3166): outside Kazakhstan it takes a consent of its own (art. 16).
    """

    code: str
    name: str
    kind: Kind
    base_url: str | None
    key: str | None
    events_url: str | None
    jwks: tuple[jose.Jwk, ...] = ()
    country: str = "KZ"


class Publication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of `eresidency product publish`: what a bank offers from now on; `partner` is the bank's code."""

    code: str
    partner: str
    jurisdiction: Jurisdiction
    currency: Currency
    terms: Terms
    withdrawn: bool = False


async def enrol(house: House, story: Story, wanted: Wanted, *, partner: UUID, believed_from: datetime) -> Partner:
    """Bring about that a partner is as `wanted`, under the id `partner` if it is new.

    One that exists keeps its name and kind, is called at the new address and believed by the new key beside the old.
    Raises webhook.BadKey, jose.Unreadable, client.AlreadyRegistered, destination.Forbidden.
    """
    db, vault, local = await story(), house.keys.kms, house.settings.virtual
    if wanted.base_url is not None:
        destination.check(wanted.base_url, local=local)
    enrolled = await _partner(db, house, wanted, partner, story.now)
    await consent.established(db, enrolled.id, wanted.country)
    if wanted.key is not None:
        kid = hashlib.sha256(wanted.key.encode()).hexdigest()[:16]
        await registry.add_key(db, vault, enrolled, kid=kid, key=wanted.key, valid_from=believed_from)
    for jwk in wanted.jwks:
        await registry.add_public(db, enrolled, jwk, valid_from=believed_from)
    if wanted.events_url is not None:
        await subscription.subscribe(
            db,
            enrolled.id,
            subscription=uuid5(enrolled.id, wanted.events_url),
            url=wanted.events_url,
            kinds=TOLD,
            at=story.now,
            local=local,
        )
    return enrolled


async def _partner(db: AsyncConnection, house: House, wanted: Wanted, partner: UUID, at: datetime) -> Partner:
    try:
        known = await registry.find(db, wanted.code)
    except UnknownPartner:
        return await registry.enrol(
            db,
            house.keys.kms,
            partner=partner,
            code=wanted.code,
            name=wanted.name,
            kind=wanted.kind,
            base_url=wanted.base_url,
            at=at,
        )
    return await registry.move(db, known, base_url=wanted.base_url)


async def publish(story: Story, wanted: Publication) -> Offer:
    """Add a version of the product's terms, its first one if it is new; told twice it is one version.

    Raises UnknownPartner, product.BadTerms.
    """
    db = await story()
    bank = await registry.find(db, wanted.partner)
    sha256 = product.sha256(wanted.terms)
    known = await product.latest(db, wanted.code)
    if known is not None and (known.offer.terms_sha256, known.offered) == (sha256, not wanted.withdrawn):
        return known.offer
    offer = Offer(
        product=known.offer.product if known else ids.new(),
        code=wanted.code,
        partner=bank.id,
        jurisdiction=wanted.jurisdiction,
        currency=wanted.currency,
        terms_id=ids.new(),
        terms_version=known.offer.terms_version + 1 if known else 1,
        terms_sha256=sha256,
        terms=wanted.terms,
    )
    await product.publish(db, offer, valid_from=story.now, withdrawn=wanted.withdrawn)
    return offer
