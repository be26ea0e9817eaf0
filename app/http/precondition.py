"""ETag and If-Match (RFC 9110 section 13): who edits says which version was read."""


class Missing(Exception):
    """The edit named no version: If-Match is required (RFC 6585 section 3)."""


class Failed(Exception):
    """The version named in If-Match is no longer the current one."""


def etag(version: int) -> str:
    """Write a version as a strong entity tag."""
    return f'"{version}"'


def check(if_match: str | None, version: int) -> None:
    """Let the edit pass only over the version it was made on; raises Missing, Failed."""
    if if_match is None:
        raise Missing
    tags = [tag.strip() for tag in if_match.split(",")]
    if tags != ["*"] and etag(version) not in tags:  # `*` is whatever is current (RFC 9110 section 13.1.1)
        raise Failed
