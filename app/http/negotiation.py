"""What a caller would take, by the headers of HTTP that negotiate (RFC 9110 section 12.5)."""

import re

_NOT = re.compile(r"q=0(\.0{0,3})?")


def named(header: str) -> set[str]:
    """List what a header names, without what it excludes by q=0; which is liked better nobody needs to know here."""
    found = set()
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not any(_NOT.fullmatch(piece) for piece in parameters):
            found.add(name)
    return found
