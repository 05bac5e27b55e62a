"""What a request says of its sender: browser, zone, language, consent, privacy signals."""

from collections.abc import Mapping

from engine.runtime_types import ClientContext
from server.settings import PrivacySettings
from server.wire.widgets import ConsentName, ContextBody

_AGENT_CHARS_MAX = 512


def client_of(
    privacy: PrivacySettings,
    headers: Mapping[bytes, bytes],
    context: ContextBody | None,
    consent: ConsentName | None = None,
) -> ClientContext:
    """Gather what is known of a sender; a privacy signal counts where it is honoured."""
    is_private = (privacy.honour_gpc and headers.get(b"sec-gpc") == b"1") or (
        privacy.honour_dnt and headers.get(b"dnt") == b"1"
    )
    return ClientContext(
        user_agent=headers.get(b"user-agent", b"")[:_AGENT_CHARS_MAX].decode("latin-1"),
        timezone=(context.timezone or "") if context else "",
        locale=(context.locale or "") if context else "",
        consent=consent or "",
        gpc=is_private,
    )
