"""The table of paths that other tools' clients know (API.md 8.1, 8.2)."""

from server.routes.foreign import ForeignPaths
from server.routes.posthog import ENDPOINTS as POSTHOG
from server.routes.segment import ENDPOINTS as SEGMENT

PATHS = ForeignPaths((*SEGMENT, *POSTHOG))
