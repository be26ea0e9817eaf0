"""What is known of a relation when its risk is judged: codes, counts and bands, no words and nobody's name.

gathers    app/risk/gathering.py    gather()      from documents, declarations, lists, the outside and the books
judges     kyc/risk/assessment.py   assess()

Every field has a value that says "not known", and is left out where it has it: what is stored is what was known. A new
field is added at the end with such a value, so that rules can be tried on facts of any age.
"""

import enum
import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from proof import canonical


class Listing(enum.StrEnum):
    """Where FATF's statements name a jurisdiction (kyc/risk/jurisdictions.toml); UNKNOWN is a code we don't know."""

    UNKNOWN = "unknown"
    NONE = "none"
    MONITORED = "monitored"
    CALL_FOR_ACTION = "call_for_action"


class Looked(enum.StrEnum):
    """What the outside said of a person. UNKNOWN is no answer, which is never CLEAR."""

    UNKNOWN = "unknown"
    CLEAR = "clear"
    HIT = "hit"


class Declared(enum.StrEnum):
    """How far the origin of the money is explained. MORE: an officer asked for more."""

    NOTHING = "nothing"
    DECLARED = "declared"
    MORE = "more"
    ACCEPTED = "accepted"


class Occupation(enum.StrEnum):
    """What somebody lives by."""

    UNKNOWN = "unknown"
    EMPLOYED = "employed"
    SELF_EMPLOYED = "self_employed"
    OWNER = "owner"
    PUBLIC_OFFICE = "public_office"
    STUDENT = "student"
    RETIRED = "retired"
    NONE = "none"


class Industry(enum.StrEnum):
    """Where; the ones that FATF's guidance names for their cash or their secrecy are told apart."""

    UNKNOWN = "unknown"
    IT = "it"
    EDUCATION = "education"
    HEALTH = "health"
    FINANCE = "finance"
    TRADE = "trade"
    CONSTRUCTION = "construction"
    EXTRACTION = "extraction"
    PUBLIC_SERVICE = "public_service"
    GAMBLING = "gambling"
    PRECIOUS = "precious"
    CRYPTO = "crypto"
    ARMS = "arms"
    ART = "art"
    OTHER = "other"


class Origin(enum.StrEnum):
    """Where money comes from: what is brought here, and what somebody owns."""

    SALARY = "salary"
    BUSINESS = "business"
    SAVINGS = "savings"
    INVESTMENT = "investment"
    PROPERTY_SALE = "property_sale"
    INHERITANCE = "inheritance"
    GIFT = "gift"
    PENSION = "pension"
    LOAN = "loan"
    CRYPTO = "crypto"
    WINNINGS = "winnings"
    OTHER = "other"


class Product(enum.StrEnum):
    """What the relation is for."""

    WALLET = "wallet"
    CARD = "card"
    INVEST = "invest"


class Channel(enum.StrEnum):
    """How somebody came: with a chip that was read, with a picture, or in person."""

    UNKNOWN = "unknown"
    CHIP = "chip"
    PICTURE = "picture"
    IN_PERSON = "in_person"


#: Amounts are declared in bands; 0 is not declared. The bounds are in app/http/mobile/declarations.py, where money is.
Amount = Annotated[int, Meta(ge=0, le=5)]
_Code = Annotated[str, Meta(pattern=r"^[A-Z]{1,3}$(?!\n)|^$(?!\n)")]
_Count = Annotated[int, Meta(ge=0, le=1_000_000)]
_Word = Annotated[str, Meta(max_length=40, pattern=r"^[a-z_]*$(?!\n)")]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything a rule may look at. `turnover_percent` is of the turnover that was declared; 0 where none was."""

    nationality: _Code = ""
    residence: _Code = ""
    issuer: _Code = ""
    nationality_listing: Listing = Listing.UNKNOWN
    residence_listing: Listing = Listing.UNKNOWN
    issuer_listing: Listing = Listing.UNKNOWN
    nationality_class: _Word = ""
    document_grade: _Word = ""
    channel: Channel = Channel.UNKNOWN
    occupation: Occupation = Occupation.UNKNOWN
    industry: Industry = Industry.UNKNOWN
    products: Annotated[tuple[Product, ...], Meta(max_length=3)] = ()
    declared: Declared = Declared.NOTHING
    funds: Annotated[tuple[Origin, ...], Meta(max_length=12)] = ()
    funds_amount: Amount = 0
    wealth: Annotated[tuple[Origin, ...], Meta(max_length=12)] = ()
    wealth_amount: Amount = 0
    papers: _Count = 0
    expected_turnover: Amount = 0
    turnover_percent: _Count = 0
    pep: Looked = Looked.UNKNOWN
    pep_hits: _Count = 0
    pep_classes: Annotated[tuple[_Word, ...], Meta(max_length=50)] = ()
    media: Looked = Looked.UNKNOWN
    media_hits: _Count = 0
    list_open: _Count = 0
    list_cleared: _Count = 0
    list_confirmed: _Count = 0
    relation_days: _Count = 0


def written(facts: Facts) -> bytes:
    """Write facts in their one form."""
    return one_form(facts)


def one_form(value: object) -> bytes:
    """Write any struct of ours, or list of them, in its one form: what is hashed here."""
    return canonical.dumps(msgspec.json.decode(msgspec.json.encode(value)))


def read(content: bytes) -> Facts:
    """Read facts back; raises msgspec.ValidationError."""
    return _DECODER.decode(content)


def digest(facts: Facts) -> bytes:
    """Hash facts."""
    return hashlib.sha256(written(facts)).digest()


_DECODER = msgspec.json.Decoder(Facts)
