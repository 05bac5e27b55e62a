"""Ids of messages that more than one place has to know: what is said again has the same one."""

from engine.ids import derived_id


def words_id(secret: bytes, workspace: str, session: str, said: str) -> str:
    """Return the id of a chat message, by what made it: the event of a visitor's words, or an API call."""
    return derived_id("msg", secret, workspace, session, said)


def reply_id(secret: bytes, workspace: str, session: str, message: str) -> str:
    """Return the id of the answer to a visitor's message, whoever gives it."""
    return derived_id("msg", secret, workspace, session, message, "reply")


def call_decision_id(secret: bytes, workspace: str, session: str, call: str) -> str:
    """Return the id of the decision about a message that a caller of the API asked for."""
    return derived_id("dec", secret, workspace, session, call)
