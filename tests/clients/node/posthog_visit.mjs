// A visit told by posthog-node: node posthog_visit.mjs ADDRESS WRITE_KEY VISITOR USER
import { PostHog } from "posthog-node";

const [address, key, visitor, user] = process.argv.slice(2);
const errors = [];
const client = new PostHog(key, { host: address, fetchRetryDelay: 100 });
client.on("error", (error) => errors.push(String(error)));

client.capture({
  distinctId: visitor,
  event: "$pageview",
  properties: { $current_url: "https://shop.example/tents", title: "Tents" },
});
client.capture({
  distinctId: visitor,
  event: "Product Viewed",
  properties: { product_id: "T-2", name: "Two-person tent", price: 129.9 },
});
client.identify({
  distinctId: user,
  properties: { $anon_distinct_id: visitor, $set: { first_name: "Ada" } },
});
client.alias({ distinctId: user, alias: visitor });
client.groupIdentify({
  groupType: "company",
  groupKey: "fernwood",
  properties: { plan: "pro" },
  distinctId: user,
});
client.capture({
  distinctId: user,
  event: "Product Added",
  properties: { product_id: "T-2", price: 129.9, quantity: 2 },
  groups: { company: "fernwood" },
});
client.capture({ distinctId: user, event: "size_guide_opened" });
client.capture({
  distinctId: user,
  event: "Order Completed",
  properties: { order_id: "O-1", total: 259.8 },
});
const flags = await client.evaluateFlags(user);
if (flags.isEnabled("new-basket")) errors.push("a flag is on that nobody has set");
await client.shutdown();
console.log(JSON.stringify({ errors }));
