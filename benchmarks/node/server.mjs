// The whole alternative: an HTTP server, visitors' facts in a Map, and json-rules-engine to decide.
// node server.mjs RULES.json PORT
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import rulesEnginePackage from "json-rules-engine";

const { Engine } = rulesEnginePackage;
const rules = JSON.parse(readFileSync(process.argv[2], "utf8"));
const engine = new Engine();
engine.addOperator("startsWith", (value, prefix) => value.startsWith(prefix));
for (const rule of rules) {
  const at = (fact, operator, value) => ({ fact, operator, value });
  engine.addRule({
    conditions: {
      all: [
        at("path", "startsWith", `/${rule.area}/`),
        at("timeOnPage", "greaterThanInclusive", 1),
        at("scroll", "greaterThanInclusive", rule.scroll),
        at("points", "greaterThanInclusive", rule.points),
        ...(rule.needs_flag ? [at("flag", "equal", true)] : []),
      ],
    },
    event: { type: "message", params: { number: rule.number } },
  });
}

const visitors = new Map();

function fold(body) {
  let known = visitors.get(body.visitorId);
  if (known === undefined) {
    known = { facts: { path: "", timeOnPage: 0, scroll: 0, points: 0, flag: false }, since: 0, told: false };
    visitors.set(body.visitorId, known);
  }
  const { facts } = known;
  if (body.event === "page_view") {
    facts.path = new URL(body.page.url).pathname;
    facts.scroll = 0;
    known.since = Date.now();
  } else if (body.event === "scroll") {
    facts.scroll = Math.max(facts.scroll, body.metadata.depth);
  }
  if (body.attributes !== undefined) Object.assign(facts, body.attributes);
  facts.timeOnPage = Date.now() - known.since;
  return known;
}

async function answer(body) {
  const known = fold(body);
  if (known.told) return [];
  const { events } = await engine.run(known.facts);
  if (events.length === 0) return [];
  known.told = true;
  const number = Math.min(...events.map((event) => event.params.number));
  return [{ text: `Message ${number}` }];
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const messages =
      request.method === "POST" ? await answer(JSON.parse(Buffer.concat(chunks).toString())) : [];
    const body = JSON.stringify({ success: true, messages });
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(Number(process.argv[3]), "127.0.0.1");
