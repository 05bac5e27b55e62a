"""What some models think aloud before they answer, between two tags: nobody is shown it. Pure."""

OPENING, CLOSING = "<think>", "</think>"


class Thinking:
    """Lets words through as they come, but for thoughts at their beginning."""

    def __init__(self) -> None:
        """Begin before the first word."""
        self._held = ""
        self._has_thought = False
        self._is_over = False

    def without(self, text: str) -> str:
        """Take the next words; returns those that are no thoughts, as soon as that is certain."""
        if self._is_over:
            return text
        if self._has_thought:
            return self._first(text)
        self._held += text
        begun = self._held.lstrip()
        if begun.startswith(OPENING):
            _, closing, after = begun.partition(CLOSING)
            if not closing:
                # The end of a thought may be cut in two: its tag is all that has to be kept.
                self._held = OPENING + begun[len(OPENING) :][-len(CLOSING) :]
                return ""
            self._has_thought, self._held = True, ""
            return self._first(after)
        if OPENING.startswith(begun):
            return ""
        self._is_over = True
        return self._held

    def _first(self, text: str) -> str:
        """Return the first words after a thought, without what sets them apart from it."""
        words = text.lstrip()
        self._is_over = bool(words)
        return words

    def rest(self) -> str:
        """Return what was held back and turned out to be words, at the end of them all."""
        begun = self._held.lstrip()
        return "" if self._is_over or begun.startswith(OPENING) else self._held
