"""What is raised when a promise is broken."""


class Broken(Exception):
    """A promise of STORES.md 1 that did not hold, in one sentence."""

    def __init__(self, promise: str, sentence: str) -> None:
        super().__init__(f"{promise}: {sentence}")
        self.promise = promise


def hold(promise: str, *, that: bool, else_say: str) -> None:
    """Raise when a promise does not hold.

    Raises:
        Broken: it does not.
    """
    if not that:
        raise Broken(promise, else_say)
