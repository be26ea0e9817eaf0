"""The key folder: made once, shared by processes that start together, renewed in time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from app import credential_keys
from app.credential_keys import Authority, RootKeyAbsent
from residency.credential import issuing, jws, pki
from tests.credential import made


def opened(folder: Path, *, url: str = made.URL, later: timedelta = timedelta()) -> Authority:
    return credential_keys.opened(folder, url=url, at=made.AT + later)


def test_a_folder_is_filled_once_and_read_ever_after(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)

    assert first.root == second.root
    assert first.documents.header == second.documents.header
    assert first.statuses.header == second.statuses.header
    assert first.nonce_key == second.nonce_key
    assert first.documents.signer.kid != first.statuses.signer.kid
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_the_seals_are_signed_by_the_root(tmp_path: Path) -> None:
    authority = opened(tmp_path)

    for seal in (authority.documents, authority.statuses):
        seal.chain[0].verify_directly_issued_by(authority.root)
        assert pki.urls(seal.chain[0]) == [made.URL]
        signed = jws.parse(seal.sign({"a": 1}))
        assert signed.signed_by(pki.signing_key(seal.chain[0]))


def _shared(folder: Path) -> bytes:
    authority = opened(folder)
    return authority.root_pem + authority.documents.header.encode() + authority.nonce_key


def test_processes_that_start_together_share_one_root(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:  # nothing but the folder is shared, so threads race as processes do
        found = set(pool.map(_shared, [tmp_path] * 16))

    assert len(found) == 1


def test_a_signer_is_succeeded_before_it_would_end_too_early(tmp_path: Path) -> None:
    first = opened(tmp_path)
    last_day = first.documents.chain[0].not_valid_after_utc - issuing.LIFE - made.AT
    same = opened(tmp_path, later=last_day)
    next_ = opened(tmp_path, later=last_day + timedelta(seconds=1))

    assert same.documents.header == first.documents.header
    assert next_.documents.header != first.documents.header
    assert next_.root == first.root
    # What the old one signed is alive, so its key is still published.
    assert set(next_.signers) == {first.documents.chain[0], next_.documents.chain[0]}
    gone = opened(tmp_path, later=timedelta(days=pki.LEAF_DAYS))
    assert first.documents.chain[0] not in gone.signers


def test_a_signer_speaks_for_the_url_it_was_made_for(tmp_path: Path) -> None:
    first = opened(tmp_path)
    moved = opened(tmp_path, url="https://other.example")

    assert moved.documents.chain != first.documents.chain
    assert pki.urls(moved.documents.chain[0]) == ["https://other.example"]


def test_the_roots_key_may_be_kept_elsewhere_until_it_is_needed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    (tmp_path / "root.key").unlink()

    assert opened(tmp_path).documents.header == first.documents.header
    with pytest.raises(RootKeyAbsent):
        opened(tmp_path, later=timedelta(days=pki.LEAF_DAYS))
    assert not (tmp_path / "root.key").exists()
