"""The world's failures, as exceptions.

OpportuneError
├── StoreUnavailable    the store did not answer; the commit exists or not, as `outcome` says
├── StoreRefused        the store cannot be opened as asked; a person has to change something
├── BackupRefused       no backup can be made as asked; a person has to change something
└── LimitExceeded       a value is larger than a maximum of engine/limits.py
"""

from typing import Literal


class OpportuneError(Exception):
    """Whatever the outside world, and not a bug of ours, made fail."""


class StoreUnavailable(OpportuneError):
    """The store did not do what it was asked; the same call may be made again.

    `outcome` is "none" when nothing was written for certain, "unknown" when it may have been.
    """

    def __init__(
        self, outcome: Literal["none", "unknown"], retry_after_ms: int, reason: str = ""
    ) -> None:
        """Keep the fields and say them in one sentence."""
        self.outcome = outcome
        self.retry_after_ms = retry_after_ms
        self.reason = reason
        super().__init__(reason or f"the store is unavailable (outcome {outcome})")


class StoreContended(StoreUnavailable):
    """The store is there, and others committed to the same session each time before this call could."""


class StoreRefused(OpportuneError):
    """The store cannot be opened; `reason` is one sentence that says what to change."""

    def __init__(self, reason: str) -> None:
        """Keep the sentence."""
        self.reason = reason
        super().__init__(reason)


class BackupRefused(OpportuneError):
    """A store cannot be copied as asked; its text is one sentence that says what to change."""


class LimitExceeded(OpportuneError):
    """A value went over a limit; `limit` is its name in engine/limits.py."""

    def __init__(self, limit: str, value: int, maximum: int) -> None:
        """Keep the fields and say them in one sentence."""
        self.limit = limit
        self.value = value
        self.maximum = maximum
        super().__init__(f"{limit} is {maximum}, got {value}")
