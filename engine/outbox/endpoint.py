"""An endpoint as a value: what its owner set, and what the sender noted of it (API.md 3.5).

A webhook is one; a destination for events that are sent on (API.md 8.5) is one too.
"""

from typing import Literal

import msgspec

from engine.outbox.webhooks import EVERY_EVENT

ROTATION_MS = 86_400_000
"""How long the former secret signs too after a rotation."""

DisabledReason = Literal["", "gone", "failing"]

Form = Literal["webhook", "segment"]
"""What is posted: our events, signed; or `track` calls, under a write key."""


class Endpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the owner set.

    `since_ms`: what the sender noted before counts no more, because the endpoint was enabled again or has
    another URL since then. `former_secret` signs too until `former_until_ms`; `rotation` names the request
    that changed it. `of_file`: it stands in the configuration file, and no call of the API changes it.

    Of the form "segment" `secret` is the write key, and `guarded` are the sites (source ids) of whose visitors
    it is told only after they granted consent.
    """

    id: str
    workspace: str
    url: str
    events: tuple[str, ...]
    secret: str
    created_ms: int = 0
    description: str = ""
    is_enabled: bool = True
    since_ms: int = 0
    former_secret: str = ""
    former_until_ms: int = 0
    rotation: str = ""
    of_file: bool = False
    form: Form = "webhook"
    guarded: tuple[str, ...] = ()

    def secrets(self, now_ms: int) -> tuple[str, ...]:
        """Return the secrets that sign at an instant, the newest first."""
        is_rotating = self.former_secret and now_ms < self.former_until_ms
        return (self.secret, self.former_secret) if is_rotating else (self.secret,)


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender noted; only the sender writes it.

    `failing_since_ms` 0 = the latest attempt succeeded. `last_status` 0 = no answer came, or none was made.
    `disabled_ms` 0 = the sender did not disable it. `url` is the one it is about.
    """

    failing_since_ms: int = 0
    last_status: int = 0
    disabled_ms: int = 0
    disabled_reason: DisabledReason = ""
    url: str = ""


class Known(msgspec.Struct, frozen=True):
    """An endpoint with what was noted of it, as far as it counts."""

    endpoint: Endpoint
    noted: Noted = Noted()

    @property
    def is_enabled(self) -> bool:
        """Tell whether events are sent to it."""
        return self.endpoint.is_enabled and not self.noted.disabled_ms

    def wants(self, event: str) -> bool:
        """Tell whether an event goes to it now."""
        return self.is_enabled and (
            event in self.endpoint.events or EVERY_EVENT in self.endpoint.events
        )


def rotated(endpoint: Endpoint, secret: str, rotation: str, now_ms: int) -> Endpoint:
    """Return an endpoint with a new secret; the one before signs too for a day. Twice by one request is once."""
    if endpoint.rotation == rotation:
        return endpoint
    return msgspec.structs.replace(
        endpoint,
        secret=secret,
        former_secret=endpoint.secret,
        former_until_ms=now_ms + ROTATION_MS,
        rotation=rotation,
    )


def known(endpoint: Endpoint, noted: Noted | None) -> Known:
    """Join both; what was noted of another URL, or before the owner enabled it again, does not count."""
    if noted is None or noted.url != endpoint.url:
        return Known(endpoint)
    latest_ms = max(noted.disabled_ms, noted.failing_since_ms)
    is_past = latest_ms and latest_ms <= endpoint.since_ms
    return Known(
        endpoint, Noted(last_status=noted.last_status, url=noted.url) if is_past else noted
    )


def after_attempt(
    before: Known, status: int, now_ms: int, *, is_taken: bool, disable_after_ms: int
) -> Noted:
    """Return what is noted of an endpoint after one more attempt that ended with this status.

    Args:
        before: as it was known.
        status: of the answer, 0 = none came.
        now_ms: when the attempt ended.
        is_taken: the receiver took the delivery.
        disable_after_ms: nothing but failures for this long disables it.
    """
    noted, url = before.noted, before.endpoint.url
    if is_taken:
        # A test that succeeds enables an endpoint of the file again: no call of the API could.
        stays = noted.disabled_ms if not before.endpoint.of_file else 0
        return Noted(0, status, stays, noted.disabled_reason if stays else "", url)
    since_ms = noted.failing_since_ms or now_ms
    disabled_ms, reason = noted.disabled_ms, noted.disabled_reason
    if not disabled_ms and status == 410:
        disabled_ms, reason = now_ms, "gone"
    elif not disabled_ms and now_ms - since_ms >= disable_after_ms:
        disabled_ms, reason = now_ms, "failing"
    return Noted(since_ms, status, disabled_ms, reason, url)
