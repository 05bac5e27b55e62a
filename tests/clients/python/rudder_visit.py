"""A visit told by rudder-sdk-python: python rudder_visit.py ADDRESS WRITE_KEY VISITOR USER."""

import json
import sys

from rudderstack.analytics.client import Client

address, key, visitor, user = sys.argv[1:]
errors: list[str] = []
PAGE = {"url": "https://shop.example/tents", "title": "Tents", "referrer": "https://news.example/"}

client = Client(key, host=address, on_error=lambda error, _: errors.append(repr(error)))
client.screen(name="Start", anonymous_id=visitor)
client.page(anonymous_id=visitor, name="Tents", properties=PAGE)
client.track(
    anonymous_id=visitor,
    event="Product Viewed",
    properties={"product_id": "T-2", "name": "Two-person tent", "price": 129.9},
)
client.identify(user, {"first_name": "Ada", "email": "ada@example.com"}, anonymous_id=visitor)
client.group(user, "fernwood", {"name": "Fernwood", "plan": "pro"}, anonymous_id=visitor)
client.track(
    user,
    "Product Added",
    {"product_id": "T-2", "name": "Two-person tent", "price": 129.9, "quantity": 2},
    anonymous_id=visitor,
)
client.track(user, "Size Guide Opened", anonymous_id=visitor)
client.alias(visitor, user)
client.track(
    user,
    "Order Completed",
    {"order_id": "O-1", "revenue": 259.8, "products": [{"product_id": "T-2", "quantity": 2}]},
)
client.shutdown()
print(json.dumps({"errors": errors}))
