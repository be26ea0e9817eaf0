"""If-Match: an edit passes only over the version it was made on."""

import pytest

from app.http import precondition


@pytest.mark.parametrize("if_match", ['"3"', '"1", "3"', '"3","4"', "*", " * "])
def test_an_edit_of_the_current_version_passes(if_match: str) -> None:
    precondition.check(if_match, 3)


# A weak tag never matches here (RFC 9110 section 13.1.1), and `*` stands alone.
@pytest.mark.parametrize("if_match", ['"2"', "3", 'W/"3"', '"*"', '"2", *', ""])
def test_an_edit_of_another_version_is_refused(if_match: str) -> None:
    with pytest.raises(precondition.Failed):
        precondition.check(if_match, 3)


def test_an_edit_of_no_version_is_refused() -> None:
    with pytest.raises(precondition.Missing):
        precondition.check(None, 3)
