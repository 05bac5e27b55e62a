"""The store's URL as it may be shown: without what lets its reader in."""

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")
_HIDDEN = "***@"


def without_password(url: str) -> str:
    """Write a URL without its credentials: what is printed or logged never holds them."""
    return _CREDENTIALS.sub(_HIDDEN, url)


def without_credentials(text: str, url: str) -> str:
    """Take a URL's credentials out of a text that may quote them, whole or only the password."""
    text = text.replace(url, without_password(url))
    found = _CREDENTIALS.search(url)
    if found is None:
        return text
    user, _, password = found[0].removesuffix("@").partition(":")
    for secret in (found[0].removesuffix("@"), password or user):
        text = text.replace(secret, "***") if secret else text
    return text
