"""What a clicked quick reply does, after it is stored as the visitor's words (API.md 9.1)."""

from typing import assert_never

from engine.causes import FollowUp
from engine.conversations.lifecycle import hand_over, updated
from engine.conversations.naming import reply_id
from engine.conversations.orders import Post
from engine.conversations.words import ask_assistant, happened, posted
from engine.effect import Ground
from engine.message import Message, QuickReply
from engine.telling import follow_up, notice

QUOTE_DETAILS = "Happy to prepare a quote. What do you need, and where can we reach you?"
"""Asks for the details of a quote when the reply has no words of its own."""


def act_on(ground: Ground, message: Message, reply: QuickReply, words: Message) -> None:
    """Carry out a reply's action; `words` is the visitor's message that the click made.

    Args:
        message: the message whose reply was clicked.
    """
    at_ms = words.sent_ms
    match reply.action:
        case "say":
            if reply.payload:
                _answer(ground, reply.payload, words)
            else:
                ask_assistant(ground, at_ms, words.id)
        case "ask":
            _ask(ground, message, reply, words)
        case "open":
            happened(ground, "reply_opened", at_ms, {"url": reply.payload, "value": reply.value})
            _tell_widget(ground, message, at_ms, {"action": "open", "url": reply.payload})
        case "handoff":
            happened(ground, "handoff_requested", at_ms, {"topic": reply.payload or reply.text})
            hand_over(ground, at_ms, reply.payload)
        case "quote":
            happened(ground, "quote_requested", at_ms, {"topic": reply.text})
            _answer(ground, reply.payload or QUOTE_DETAILS, words)
            updated(ground, at_ms, "quote")
        case "schedule" | "call":
            follow_up(ground, at_ms, FollowUp(reply.action, message.id))
        case "dismiss":
            raise AssertionError("a dismissal makes no words")
        case _:
            assert_never(reply.action)


def _answer(ground: Ground, text: str, words: Message) -> Post:
    session = ground.session
    post_id = reply_id(ground.secret, session.workspace, session.id, words.id)
    post = Post(post_id, "assistant", text, answer_to=words.id)
    posted(ground, post, words.sent_ms)
    return post


def _ask(ground: Ground, message: Message, reply: QuickReply, words: Message) -> None:
    """Send the question, let the next words be its answer, and let the widget offer its input."""
    if reply.payload:
        post = _answer(ground, reply.payload, words)
        talk = ground.session.talk
        assert talk is not None
        talk.asked = post.id
    _tell_widget(ground, message, words.sent_ms, {"action": "ask"})


def _tell_widget(ground: Ground, message: Message, at_ms: int, asked: dict[str, object]) -> None:
    content: dict[str, object] = {"message_id": message.id, **asked}
    notice(ground, at_ms, "action", content, message.id)
