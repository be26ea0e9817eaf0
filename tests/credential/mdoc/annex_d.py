"""The example of ISO 18013-5 Annex D: an mDL presented over NFC and BLE, with all private keys of the meeting."""

import json
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from residency.credential import cbor
from residency.credential.mdoc import session
from tests.kyc import reference

_PREFIX = "ISO_18013_5_ANNEX_D_"
#: The NFC handover of Annex D.3.2, which the file of the example leaves out: what was engaged with is part of it.
_SELECT = (
    "91020f487315d10209616301013001046d646f631a200c016170706c69636174696f6e2f766e642e626c7565746f6f74682e6c652e6f6f623"
    "0081b28128b37282801021c015c1e580469736f2e6f72673a31383031333a646576696365656e676167656d656e746d646f63a20063312e30"
    "018201d818584ba4010220012158205a88d182bce5f42efa59943f33359d2e8a968ff289d93e5fa444b624343167fe225820b16e8cf858ddc"
    "7690407ba61d4c338237a8cfcf3de6aa672fc60a557aa32fc67"
)
_REQUEST = (
    "91022548721591020263720102110204616301013000110206616301036e6663005102046163010157001a201e016170706c69636174696f6"
    "e2f766e642e626c7565746f6f74682e6c652e6f6f6230081b28078080bf2801021c021107c832fff6d26fa0beb34dfcd555d4823a1c110103"
    "69736f2e6f72673a31383031333a6e66636e6663015a172b016170706c69636174696f6e2f766e642e7766612e6e616e57030101032302001"
    "324fec9a70b97ac9684a4e326176ef5b981c5e8533e5f00298cfccbc35e700a6b020414"
)


def given(name: str) -> bytes:
    """Give one value of the example, or skip the test."""
    return bytes.fromhex(_read()[_PREFIX + name])


@cache
def _read() -> dict[str, str]:
    found: dict[str, str] = json.loads((reference.folder() / "credentials" / "iso18013_5_annex_d.json").read_bytes())
    return found


def private(name: str) -> ec.EllipticCurvePrivateKey:
    """Give a private key by the middle of its name."""
    return ec.derive_private_key(int(_read()[f"{_PREFIX}{name}_KEY_D"], 16), ec.SECP256R1())


def signer() -> ec.EllipticCurvePublicKey:
    """Give the key of the document signer."""
    key = x509.load_der_x509_certificate(given("DS_CERT")).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def engagement() -> bytes:
    """Give the device engagement that travelled in the handover, as the transcript holds it."""
    select = bytes.fromhex(_SELECT)
    return cbor.embed(select[select.index(b"mdoc\xa2") + 4 :])


def handover() -> bytes:
    return cbor.array(cbor.byte_string(bytes.fromhex(_SELECT)), cbor.byte_string(bytes.fromhex(_REQUEST)))


def transcript() -> bytes:
    reader_key = cbor.parts(given("SESSION_ESTABLISHMENT"))["eReaderKey"]
    return session.proximity(engagement=engagement(), reader_key=reader_key, handover=handover())
