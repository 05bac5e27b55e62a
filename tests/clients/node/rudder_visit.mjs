// A visit told by @rudderstack/rudder-sdk-node: node rudder_visit.mjs ADDRESS WRITE_KEY VISITOR USER
import Analytics from "@rudderstack/rudder-sdk-node";

const [address, writeKey, anonymousId, userId] = process.argv.slice(2);
const errors = [];
const client = new Analytics(writeKey, {
  dataPlaneUrl: address,
  logLevel: "silly",
  errorHandler: (error) => errors.push(String(error)),
});

client.screen({ anonymousId, name: "Start" });
client.page({
  anonymousId,
  name: "Tents",
  properties: { url: "https://shop.example/tents", title: "Tents" },
});
client.track({
  anonymousId,
  event: "Product Viewed",
  properties: { product_id: "T-2", name: "Two-person tent", price: 129.9 },
});
client.identify({ anonymousId, userId, traits: { first_name: "Ada", email: "ada@example.com" } });
client.group({ anonymousId, userId, groupId: "fernwood", traits: { plan: "pro" } });
client.track({
  anonymousId,
  userId,
  event: "Product Added",
  properties: { product_id: "T-2", price: 129.9, quantity: 2 },
});
client.track({ anonymousId, userId, event: "Size Guide Opened" });
client.alias({ previousId: anonymousId, userId });
client.track({
  userId,
  event: "Order Completed",
  properties: {
    order_id: "O-1",
    revenue: 259.8,
    products: [{ product_id: "T-2", quantity: 2 }],
  },
});
// It has no close: what is left is flushed, and the process ends when nothing is under way.
await client.flush();
console.log(JSON.stringify({ errors }));
