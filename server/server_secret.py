"""The secret that signs ids and tokens: the configuration's, else one that is made once and kept."""

from engine.ids import RandomBytes
from engine.stores.base import Store
from server.config import Config

SECRET_BYTES = 32
_PLACE = ("", "server", "secret")


async def server_secret(config: Config, store: Store, random_bytes: RandomBytes) -> bytes:
    """Return `server.secret`; without one, the secret that was made once and is kept in the store."""
    if config.server.secret is not None:
        return config.server.secret.encode()
    kept = await store.get_doc(*_PLACE)
    if kept is None:
        await store.put_doc(*_PLACE, random_bytes(SECRET_BYTES), expect=0)
        # Another process may have been quicker: what is kept now is the secret of both.
        kept = await store.get_doc(*_PLACE)
    assert kept is not None, "a document that was just put exists"
    return kept.body
