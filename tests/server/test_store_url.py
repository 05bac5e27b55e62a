"""A store's URL is shown without what lets its reader in."""

import pytest

from server.store_url import without_credentials, without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://:s3cret@cache:6379/0", "redis://***@cache:6379/0"),
        ("rediss://app:s3cret@a:1,b:2", "rediss://***@a:1,b:2"),
        ("redis://app:p@ss@a:1", "redis://***@a:1"),
        ("sqlite:////data/a@b.db", "sqlite:////data/a@b.db"),
        ("memory:", "memory:"),
    ],
)
def test_credentials_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_text_that_quotes_a_url_or_its_password_is_shown_without_them() -> None:
    url = "redis://app:s3cret@cache:6379/0"
    text = f'the store URL "{url}" was refused: WRONGPASS app:s3cret, s3cret'
    assert "s3cret" not in without_credentials(text, url)
    assert without_credentials("all is well", url) == "all is well"
    assert without_credentials("cannot reach cache:6379", "redis://cache:6379").endswith("6379")
