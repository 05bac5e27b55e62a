"""Bodies of PostHog's clients (API.md 8.2): what is read of them, and what they are answered."""

from msgspec import Raw, Struct, field


class CaptureBody(Struct, frozen=True):
    """What stands around events: the key, and when they were sent.

    `batch` is empty in a body that is itself one event. Whatever type a field has, it is read: one that
    makes no sense counts as absent.
    """

    api_key: object = None
    token: object = None
    batch: Raw = Raw()
    sent_at: object = None


class CaptureItem(Struct, frozen=True):
    """One event. Whatever type a field has, it is read, so that one field cannot spoil the others."""

    event: object = None
    distinct_id: object = None
    properties: object = None
    uuid: object = None
    timestamp: object = None
    offset: object = None
    sent_at: object = None
    api_key: object = None
    token: object = None
    set: object = field(name="$set", default=None)
    set_once: object = field(name="$set_once", default=None)
    unset: object = field(name="$unset", default=None)


class FlagsReply(Struct, frozen=True, rename="camel"):
    """No feature flags, in the forms that clients of all versions read."""

    request_id: str
    flags: dict[str, object] = {}
    feature_flags: dict[str, object] = {}
    feature_flag_payloads: dict[str, object] = {}
    errors_while_computing_flags: bool = False
    quota_limited: tuple[str, ...] = ()
    session_recording: bool = False
    supported_compression: tuple[str, ...] = ("gzip", "gzip-js", "base64")


class AnalyticsConfig(Struct, frozen=True):
    """Where the events of a page go."""

    endpoint: str = "/e/"


class ErrorTrackingConfig(Struct, frozen=True, rename="camel"):
    """Errors of the page are not caught by the client."""

    autocapture_exceptions: bool = False
    suppression_rules: tuple[str, ...] = ()


class RemoteConfig(Struct, frozen=True, rename="camel"):
    """What a page's client asks for before anything else: all that it could do beyond events is off.

    Surveys are off by not being named: told `false`, the client would load its script for them all the same.
    """

    token: str
    supported_compression: tuple[str, ...] = ("gzip", "gzip-js")
    has_feature_flags: bool = False
    session_recording: bool = False
    heatmaps: bool = False
    capture_performance: bool = False
    capture_dead_clicks: bool = False
    autocapture_exceptions: bool = False
    autocapture_opt_out: bool = field(name="autocapture_opt_out", default=True)
    product_tours: bool = False
    conversations: bool = False
    default_identified_only: bool = True
    elements_chain_as_string: bool = False
    is_authenticated: bool = False
    site_apps: tuple[str, ...] = ()
    toolbar_params: dict[str, object] = {}
    analytics: AnalyticsConfig = AnalyticsConfig()
    error_tracking: ErrorTrackingConfig = ErrorTrackingConfig()
