"""The portrait as wallets show it: JPEG, and small enough for a code that is read again with every copy.

Most chips hold JPEG 2000 (ICAO 9303-10, section 4.7.2), which no wallet shows; then, and where the picture is large, it
is drawn anew. A JPEG that fits stays as the state made it, byte for byte.
"""

import io
import itertools

from PIL import Image

from kyc.papers.portrait import Portrait

#: What a copy can carry: each wallet holds ten copies in each of two formats.
BYTES_MAX = 48 * 1024
#: A chip's portrait is a tenth of this; more is not decoded.
PIXELS_MAX = 4_000_000
#: Tried in this order; ISO/IEC 19794-5 wants 90 pixels between the eyes, which a face 360 wide still has.
_SIZES = ((720, 960), (540, 720), (360, 480))
_QUALITIES = (90, 75, 60)
_FORMATS = ("JPEG", "JPEG2000")


def jpeg(found: Portrait) -> bytes | None:
    """Give the picture as JPEG of at most BYTES_MAX bytes; None where it is none, or too large to be decoded."""
    if found.media == "image/jpeg" and len(found.image) <= BYTES_MAX:
        return found.image
    try:
        return _drawn(found.image)
    # Decoders tell what is wrong with a picture in many ways; whichever it is, there is no portrait then.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _drawn(image: bytes) -> bytes | None:
    with Image.open(io.BytesIO(image), formats=_FORMATS) as opened:
        if opened.width * opened.height > PIXELS_MAX:
            return None
        picture = opened.convert("RGB")
    for size, quality in itertools.product(_SIZES, _QUALITIES):
        picture.thumbnail(size)
        drawn = io.BytesIO()
        picture.save(drawn, "JPEG", quality=quality)
        if drawn.tell() <= BYTES_MAX:
            return drawn.getvalue()
    return None
