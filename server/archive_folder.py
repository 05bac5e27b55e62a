"""The archive that a configuration names: where it is, and what its files say of a journal entry."""

from pathlib import Path

from engine.custody_lines import event_texts
from engine.stores.archive import Archive
from server.config import Config


def configured_archive(config: Config) -> Archive | None:
    """Return the archive of a configuration, None when it names none; nothing is made or looked at."""
    if not config.store.archive:
        return None
    return Archive(Path(config.store.archive), event_texts)
