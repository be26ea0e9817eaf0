"""A QR code as people see it: its text, and that drawn for a screen and for paper."""

import base64
import io
from typing import Annotated, Literal

import segno
from msgspec import Meta

from app.http.wire import Wire

#: How much of a code may be lost and it is still read (ISO/IEC 18004): 15 % is for screens, 7 % for what is long.
Spare = Literal["m", "l"]


class TooLong(Exception):
    """No QR code holds so much."""


class QrCode(Wire, frozen=True):
    """One QR code."""

    text: Annotated[
        str, Meta(description="What a camera reads.", examples=["https://id.example/show/MFRGGZDFMZTWQ2LK"])
    ]
    svg: Annotated[str, Meta(description="For a screen.", examples=['<svg width="132" height="132" class="segno"/>'])]
    png: Annotated[str, Meta(description="For paper, in base64.", examples=["iVBORw0KGgo="])]


def drawn(text: str, *, spare: Spare = "m") -> QrCode:
    """Draw `text`; raises TooLong."""
    try:
        picture = segno.make(text, error=spare, micro=False, boost_error=False)
    except segno.DataOverflowError as error:
        raise TooLong from error
    png = io.BytesIO()
    picture.save(png, kind="png", scale=8)
    return QrCode(text=text, svg=picture.svg_inline(scale=4), png=base64.b64encode(png.getvalue()).decode())
