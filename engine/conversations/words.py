"""Words in a conversation: the visitor's, the assistant's, an agent's, each with its place in the sequence."""

import msgspec

from engine.causes import FollowUp, Said
from engine.conversations.conversation import Conversation, ConversationOrigin
from engine.conversations.lifecycle import card_of, converse, hand_over, updated
from engine.conversations.naming import words_id
from engine.conversations.orders import Post
from engine.counts import CHAT_MESSAGES, tokens_count
from engine.effect import Ground
from engine.events import Event
from engine.late import take_event
from engine.limits import SESSION_MESSAGES_KEPT
from engine.message import Message, QuickReply
from engine.runtime_types import Refused
from engine.session import Session
from engine.telling import count, follow_up, tell

AGENT = "Agent"
"""Names an agent who gives no name."""


def engage(ground: Ground, at_ms: int, conversation: str = "") -> Conversation:
    """Note an engagement: a conversation begins, and after a proactive message a new epoch."""
    session = ground.session
    origin: ConversationOrigin = "proactive" if had_proactive(session) else "widget"
    talk = converse(ground, at_ms, origin, conversation=conversation)
    session.engaged_ms = max(session.engaged_ms, at_ms)
    if any(m.kind == "proactive" and m.epoch == session.epoch for m in session.messages):
        session.epoch += 1
        updated(ground, at_ms, "status")
    return talk


def had_proactive(session: Session) -> bool:
    """Tell whether the visitor was sent a proactive message in this session that could be seen."""
    return any(
        m.kind == "proactive" and m.offset and m.outcome not in ("expired", "withdrawn")
        for m in session.messages
    )


def append_message(ground: Ground, message: Message) -> None:
    """Give a message the session's next offset, for the visitor to see.

    The store keeps it; the session keeps what a visitor can still answer, a chat message without words.
    """
    session = ground.session
    session.offset += 1
    message.offset = session.offset
    ground.effect.items.append(message)
    if message.kind == "proactive" or message.replies:
        text = message.text if message.kind == "proactive" else ""
        session.messages = [known for known in session.messages if known.id != message.id]
        session.messages.append(msgspec.structs.replace(message, text=text))
    answerable = [known for known in session.messages if known.kind == "chat"]
    if len(answerable) > SESSION_MESSAGES_KEPT:
        session.messages.remove(answerable[0])


def visitor_said(
    ground: Ground, event: Event, text: str, clicked: tuple[Message, QuickReply] | None = None
) -> Message:
    """Make the visitor's message; unless a quick reply's action follows, the assistant is asked to answer."""
    session = ground.session
    talk = session.talk
    assert talk is not None, "who speaks is engaged"
    answer_to = talk.asked if clicked is None else clicked[1].value
    talk.asked = ""
    message = Message(
        id=words_id(ground.secret, session.workspace, session.id, event.id),
        text=text,
        sent_ms=event.at_ms,
        author="visitor",
        kind="chat",
        epoch=session.epoch,
        client_id=str(event.properties.get("client_id", "")),
        answer_to=answer_to,
        clicked="" if clicked is None else clicked[1].value,
    )
    append_message(ground, message)
    reply = None if clicked is None else (clicked[1].value, clicked[1].action)
    said = Said(card_of(ground, event.at_ms), message, had_proactive(session), reply)
    tell(ground, event.at_ms, said, message.id)
    count(ground, CHAT_MESSAGES)
    talk.unanswered = message.id
    if clicked is None:
        ask_assistant(ground, event.at_ms, message.id)
    return message


def ask_assistant(ground: Ground, at_ms: int, message_id: str) -> None:
    """Let the assistant answer a message, unless a person has taken over or there is no room yet."""
    talk = ground.session.talk
    if talk is not None and not talk.paused and not talk.queued:
        follow_up(ground, at_ms, FollowUp("answer", message_id))


def posted(ground: Ground, post: Post, at_ms: int) -> None:
    """Say what an agent or the assistant says; an agent's words pause the assistant."""
    session = ground.session
    if session.closed:
        ground.effect.refused = Refused("session_closed", field="session_id")
        return
    talk = converse(ground, at_ms, "agent" if post.author == "agent" else "api")
    if post.author == "assistant" and post.model and (talk.paused or talk.queued):
        # A person took over, or the line moved, while the assistant was writing.
        ground.effect.refused = Refused("paused")
        return
    if post.author == "agent":
        hand_over(ground, at_ms, "", post.by or AGENT)
    message = Message(
        id=post.id,
        text=post.text,
        sent_ms=at_ms,
        author=post.author,
        kind="chat",
        epoch=session.epoch,
        replies=post.replies,
        client_id=post.client_id,
        answer_to=post.answer_to,
        by=post.by,
        model=post.model,
        tokens=post.tokens,
        answer=post.answer,
    )
    append_message(ground, message)
    talk.unanswered = ""
    tell(ground, at_ms, Said(card_of(ground, at_ms), message), message.id)
    happened(ground, "agent_message", at_ms, {"text": post.text, "by": post.by or post.author})
    ground.profile.chat_ms = max(ground.profile.chat_ms, at_ms)
    ground.effect.profile_changed = True
    _settle(ground, post, at_ms)


def _settle(ground: Ground, post: Post, at_ms: int) -> None:
    """Count what words cost, and ask for the person who is to take over."""
    if post.assistant and post.tokens:
        count(ground, tokens_count(post.assistant), post.tokens)
    if post.team is not None:
        happened(ground, "handoff_requested", at_ms, {"topic": post.team})
        hand_over(ground, at_ms, post.team)


def happened(ground: Ground, name: str, at_ms: int, properties: dict[str, object]) -> None:
    """Let rules see an event that follows from what was done in a conversation."""
    event = Event("", name, at_ms, ground.session.state.tab, properties=properties, origin="api")
    take_event(ground.program, ground.session, event, max(at_ms, ground.session.state.clock_ms))
