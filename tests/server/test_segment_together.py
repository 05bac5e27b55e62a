"""Items that are understood together: alike, in every way, to the same items one by one."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from server.ingest.arrivals import Arrival
from server.ingest.client_clocks import CLOCK_STEP_MS, ClientClocks
from server.ingest.segment import Reception, understand
from server.ingest.segment_bodies import Parcel, read_batch
from server.ingest.segment_items import GoodItems
from server.ingest.segment_times import sent_ms_of
from server.ingest.segment_words import PLAIN_FIELDS_MAX
from server.wire.rejections import RejectedArrival
from server.wire.segment import EVENT_BYTES_MAX, Context

NOW_MS = 1_800_000_000_000
BAD = Raw(b"0")
"""An item that is refused before anything is asked of it: with it, the others are understood one by one."""

Items = list[dict[str, object]]
Understood = tuple[list[Arrival], list[RejectedArrival]]


def now(ms: int) -> str:
    """Write an instant of the first minutes of 2027-01-15T08:00Z."""
    minute, rest = divmod(ms, 60_000)
    return f"2027-01-15T07:{minute:02d}:{rest // 1_000:02d}.{rest % 1_000:03d}Z"


TIMES = st.one_of(
    st.integers(0, 59 * 60_000).map(now),
    st.sampled_from(
        [
            None, 0, 1_799_999_000_000, 1_799_999_000.5, "2027-01-15T07:30:00", "soon", True,
            "2027-01-15T09:30:00.250+02:00", "2027-01-15T07:30:00.000500Z", "1970-01-01T00:00:00Z",
            "2027-01-15T07:30:00.123456Z", "2028-01-01T00:00:00.001Z", "2026-12-01T00:00:00.001Z",
        ]
    ),
)  # fmt: skip
PEOPLE = st.sampled_from(["a-1", "b-1", 7, "7", "", None, "null", "x\ny", 1.5])
VALUES = st.recursive(
    st.sampled_from(
        [None, True, 0, 1, 2.5, 40, 2**63 - 1, 2**63, -(10**30), "40", "boots", "dear"]
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["price", "sku", "unitPrice"]), inner, max_size=2)
    ),
    max_leaves=4,
)
FIELDS = st.sampled_from(
    [
        "price", "unit_price", "unitPrice", "quantity", "cart_total", "id", "sku", "product_id", "items",
        "products", "name", "item_name", "title", "url", "path", "referrer", "visible", "state", "percent",
        "active_ms", "$name", "Plan Name", "order_id", "revenue", "category",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "Product Viewed", "product_view", "Product Added", " Product Added ", "Cart Viewed", "scroll",
        "Order Completed", "Checkout Started", "set", "Set", " set ", "visibility", "consent", "heartbeat",
        "page_leave", "show", "Plan Chosen", "plan_chosen", "", "   ", "Page View", "view", None, "n" * 200,
    ]
)  # fmt: skip
IDS = st.one_of(
    st.uuids().map(str),
    st.sampled_from([None, 5, "m-1", "load1-7", "x" * 64, "x" * 65, "x" * 300, "y" * 20 + "\x7f"]),
    st.sampled_from(["\u00e9" * 20, "z" * 20 + "\n", "", "a" * 17, "a" * 18, 2**70]),
)
PAGES = st.fixed_dictionaries(
    {},
    optional={
        "url": st.sampled_from(
            ["https://x.example/a", "https://x.example/?utm_source=n", "u" * 3_000, 5]
        ),
        "path": st.just("/a"),
        "title": st.sampled_from(["A", "", "t" * 400]),
        "referrer": st.sampled_from(["$direct", "", "https://y.example/"]),
    },
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "page": PAGES,
        "campaign": st.sampled_from([{}, {"source": "news"}, {"name": "n" * 600}]),
        "userAgent": st.sampled_from(["A/1", "B/2", "c" * 600]),
        "locale": st.sampled_from(["de", "l" * 70]),
        "timezone": st.sampled_from(["Europe/Berlin", "CET"]),
        "sessionId": st.sampled_from([None, 5, "5", "v-1"]),
        "traits": st.sampled_from([{"plan": "pro"}, {"size": 2**70}, {}]),
    },
)
USUAL = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "track", "page", "identify", "group", "screen"]),
        "anonymousId": st.sampled_from(["a-1", "a-1", "b-1"]),
        "event": NAMES.filter(lambda name: bool(name and name.strip())),
        "timestamp": st.integers(0, 59 * 60_000).map(now),
        "messageId": st.uuids().map(str),
    },
    optional={
        "properties": st.dictionaries(FIELDS, VALUES, max_size=5),
        "context": CONTEXTS,
        "traits": st.sampled_from([{"plan": "pro"}, {"size": 4}]),
        "name": st.just("Start"),
        "channel": st.just("web"),
    },
)
ODD = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "alias", "merge", "Track", "?", None])},
    optional={
        "anonymousId": PEOPLE,
        "userId": PEOPLE,
        "previousId": PEOPLE,
        "groupId": PEOPLE,
        "event": NAMES,
        "messageId": IDS,
        "timestamp": TIMES,
        "originalTimestamp": TIMES,
        "sentAt": TIMES,
        "channel": st.sampled_from(["web", "mobile", "", None, 3]),
        "properties": st.dictionaries(FIELDS, VALUES, max_size=5) | st.just([]),
        "context": CONTEXTS | st.none(),
    },
)
BATCHES = st.lists(USUAL, min_size=1, max_size=6) | st.lists(USUAL | ODD, min_size=1, max_size=5)
RECEPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "", "alias"]),
        "anonymous": st.sampled_from(["", "h-1"]),
        "sent_ms": st.sampled_from([None, NOW_MS, NOW_MS - 900_000, NOW_MS + 2 * CLOCK_STEP_MS]),
        "context": st.sampled_from([None, Context(), Context(locale="fr", traits={"plan": "x"})]),
        "user_agent": st.just("Browser/1"),
        "is_browser": st.booleans(),
    },
)


def without_size(understood: Understood) -> Understood:
    for arrival in understood[0]:
        arrival.size_bytes = 0
    return understood


def raws_of(items: Items) -> list[Raw]:
    return [Raw(msgspec.json.encode(item)) for item in items]


@given(st.lists(st.tuples(BATCHES, RECEPTIONS, st.integers(0, 100_000)), min_size=1, max_size=3))
def test_items_are_understood_together_as_one_by_one(
    requests: list[tuple[Items, dict[str, object], int]],
) -> None:
    """The later requests show what the clocks have heard in the earlier ones."""
    clocks, others, now_ms = ClientClocks(), ClientClocks(), NOW_MS
    for items, known, later_ms in requests:
        now_ms += later_ms
        reception = Reception(**{"workspace": "ws", "now_ms": now_ms, **known})
        raws = raws_of(items)
        arrivals, rejected = without_size(understand(raws, reception, clocks))
        apart, refused = without_size(understand([*raws, BAD], reception, others))
        assert arrivals == apart
        assert rejected == refused[:-1]
        assert msgspec.msgpack.encode(arrivals) == msgspec.msgpack.encode(apart)


# ---- whole bodies


def usual(number: int, **more: object) -> dict[str, object]:
    return {
        "type": "track",
        "event": "Plan Chosen",
        "anonymousId": "a-1",
        "messageId": f"{number:08x}-0000-4000-8000-000000000001",
        "timestamp": now(number),
        **more,
    }


def body_of(items: Items, space: str = "", before: str = "", after: str = "") -> bytes:
    comma, colon = "," + space, ":" + space
    texts = [msgspec.json.encode(item).decode() for item in items]
    return f'{{{before}"batch"{colon}[{comma.join(texts)}]{after}}}'.encode()


def undecoded(parcel: Parcel) -> list[bytes]:
    items = parcel.items
    return [bytes(raw) for raw in (items.one_by_one() if isinstance(items, GoodItems) else items)]


BODY_ITEMS = st.lists(
    st.builds(
        usual,
        st.integers(0, 50),
        properties=st.sampled_from(
            [
                {"plan": "pro"},
                {"products": [{"price": 1}, {"price": 2}]},
                {"a": "x" * 9_000},
                {"b": "},{"},
            ]
        ),
    )
    | st.sampled_from([{}, {"event": "x" * (EVENT_BYTES_MAX + 1)}, {"context": 5}]),
    min_size=1,
    max_size=12,
)
AROUND = [
    "", ',"sentAt":"2027-01-15T07:00:00Z","writeKey":"wk_1"', ', "integrations": {}', ',"batch":[{}]',
    ',"x":[{},{}]', ',"context":{"locale":"de"}', ',"context":[{},{}]', ',"batch":null', ",", ',,"sentAt":5',
    ',"messageId":"m","context":{"batch":[{"a":1},{}]}', ',"b\\u0061tch":[{}]',
]  # fmt: skip
BEFORE = [
    "", '"writeKey":"wk_1",', '"writeKey": "wk_1", "sentAt": 5, ', '"x":{"batch":[{}]},', '"batch":[{}],',
    '"batch":null,"context":', '"sentAt":"x\\"y",', '"writeKey":"a","writeKey":"b",',
]  # fmt: skip


@given(BODY_ITEMS, st.sampled_from(["", " "]), st.sampled_from(BEFORE), st.sampled_from(AROUND))
def test_a_body_is_decoded_whole_as_item_by_item(
    items: Items, space: str, before: str, after: str
) -> None:
    body = body_of(items, space, before, after)
    try:
        read = msgspec.json.decode(body, type=dict[str, Raw])
        expected = [bytes(raw) for raw in msgspec.json.decode(read["batch"], type=list[Raw])]
    except (msgspec.MsgspecError, KeyError):
        return
    parcel = read_batch({}, body)
    assert undecoded(parcel) == expected
    around = [bytes(read.get(name, b"")) for name in ("writeKey", "sentAt", "context")]
    assert parcel.key == (msgspec.json.decode(around[0]) if around[0] else "")
    assert parcel.sent_ms == (sent_ms_of(Raw(around[1])) if around[1] else None)
    if isinstance(parcel.items, GoodItems):
        raws = [Raw(raw) for raw in expected]
        reception = Reception("ws", NOW_MS, sent_ms=parcel.sent_ms)
        together = without_size(understand(parcel.items, reception, ClientClocks()))
        assert together == without_size(understand(raws, reception, ClientClocks()))


def test_a_usual_body_is_decoded_whole_however_many_items_it_has() -> None:
    for items in (1, 60, 600):
        for space in ("", " "):
            body = body_of([usual(number) for number in range(items)], space)
            parcel = read_batch({}, body)
            assert isinstance(parcel.items, GoodItems)
            (arrival,), rejected = understand(parcel.items, Reception("ws", NOW_MS), ClientClocks())
            assert (len(arrival.events), rejected) == (items, [])


def test_an_event_of_many_fields_is_said_as_one_of_few() -> None:
    for fields in (PLAIN_FIELDS_MAX, PLAIN_FIELDS_MAX + 1):
        item = usual(1, properties={f"f_{number}": number for number in range(fields)})
        (arrival,), _ = understand(raws_of([item, item]), Reception("ws", NOW_MS), ClientClocks())
        assert arrival.events[0].properties == {**item["properties"], "$name": "Plan Chosen"}
