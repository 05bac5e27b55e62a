"""A visit told by the client posthog: python posthog_visit.py ADDRESS WRITE_KEY VISITOR USER."""

import json
import sys

from posthog import Posthog

address, key, visitor, user = sys.argv[1:]
errors: list[str] = []

client = Posthog(key, host=address, on_error=lambda error, _: errors.append(repr(error)))
client.capture(
    "$pageview",
    distinct_id=visitor,
    properties={"$current_url": "https://shop.example/tents", "title": "Tents"},
)
client.capture(
    "Product Viewed",
    distinct_id=visitor,
    properties={"product_id": "T-2", "name": "Two-person tent", "price": 129.9},
)
client.capture(
    "$identify",
    distinct_id=user,
    properties={"$anon_distinct_id": visitor, "$set": {"first_name": "Ada"}},
)
client.set(distinct_id=user, properties={"email": "ada@example.com"})
client.set_once(distinct_id=user, properties={"first_seen_on": "tents"})
client.group_identify("company", "fernwood", {"plan": "pro"}, distinct_id=user)
client.capture(
    "Product Added",
    distinct_id=user,
    properties={"product_id": "T-2", "price": 129.9, "quantity": 2},
    groups={"company": "fernwood"},
)
client.capture("size_guide_opened", distinct_id=user)
client.alias(previous_id=visitor, distinct_id=user)
client.capture("Order Completed", distinct_id=user, properties={"order_id": "O-1", "total": 259.8})
if client.evaluate_flags(user).is_enabled("new-basket"):
    errors.append("a flag is on that nobody has set")
client.shutdown()
print(json.dumps({"errors": errors}))
