// The live view: what the tenant socket tells, and why the rules spoke or stayed silent, from the public API.
const SHOP = "ws_shop";
const VISITORS_MAX = 60;
const DECISIONS_MAX = 12;
const GONE_MS = 20_000;
const WHY_EVERY_MS = 1_000;
const REPAINT_MS = 250;
const SHOPPER = /^shopper_\d+_(\d+)$/;

const byId = (id) => document.getElementById(id);
const token = takeToken();
const visitors = new Map();
const totals = new Map();
const texts = new Map();
const rows = new Map();
const yous = new Set();
let you = "";
let chosen = "";
let dirty = false;
let askedAt = 0;

/** Takes the token out of the address, so that it is in no bookmark; a reload still has it. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("demo-token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem("demo-token");
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function ask(path) {
  const headers = { authorization: `Bearer ${token}`, "x-workspace-id": SHOP };
  const answer = await fetch(path, { headers });
  return answer.ok ? (await answer.json()).data : null;
}

// ---- what the socket tells

function connect() {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/ws/tenant`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token }));
  socket.onmessage = ({ data }) => take(JSON.parse(data));
  socket.onclose = ({ code }) => {
    byId("figures").textContent = "";
    byId("connection").textContent =
      code === 4401 ? "signed out: open /demo again" : "the server is away; looking for it …";
    if (code !== 4401) setTimeout(connect, 1_500);
  };
}

const takers = {
  "auth:ok": load,
  resync: load,
  "visitor:updated": ({ data }) => meet(data),
  "decision:new": ({ data }) => decided(data),
  "message:new": ({ data }) => texts.set(data.message_id, data.text),
  "conversation:new": ({ data }) => note(data.contact_data.visitor_id, "in conversation"),
  "campaign:progress": ({ data }) => totals.set(data.campaign_id, data),
  "stats:tick": ({ data }) => showFigures(data),
};

function take(frame) {
  takers[frame.type]?.(frame);
  dirty = true;
}

async function load() {
  byId("connection").textContent = "";
  const known = (await ask(`/v1/visitors?limit=${VISITORS_MAX}`)) ?? [];
  // The newest come first here, and last into the map: as those who are met later.
  for (const row of known.reverse()) if (row.status !== "offline") meet(row);
  dirty = true;
}

function meet(row) {
  if (row.status === "erased") return visitors.delete(row.visitor_id);
  const known = visitors.get(row.visitor_id) ?? { last: "", decisions: [] };
  visitors.set(row.visitor_id, { ...known, ...row, at: Date.now() });
  if (row.visitor_id === chosen) askWhy();
}

function note(visitorId, words) {
  const known = visitors.get(visitorId);
  if (known) known.last = words;
}

function decided(decision) {
  const words = { sent: "approached", held: "waits", held_out: "held out" }[decision.outcome];
  note(decision.visitor_id, `${words} by ${decision.rule}`);
  const known = visitors.get(decision.visitor_id);
  if (!known) return;
  known.decisions = [decision, ...known.decisions].slice(0, DECISIONS_MAX);
  if (decision.visitor_id === chosen) explain(decision);
}

async function explain(decision) {
  decision.trace = (await ask(`/v1/decisions/${decision.decision_id}`))?.trace;
  dirty = true;
  // What was true of its rule a moment ago is no longer.
  askedAt = 0;
  askWhy();
}

async function askWhy() {
  const visitor = visitors.get(chosen);
  if (!visitor?.session_id || document.hidden || Date.now() - askedAt < WHY_EVERY_MS) return;
  askedAt = Date.now();
  visitor.why = await ask(`/v1/live-chat/sessions/${visitor.session_id}/why`);
  dirty = true;
}

// ---- what is painted, four times a second at most

function paint() {
  if (!dirty || document.hidden) return;
  dirty = false;
  paintVisitors();
  paintChosen();
  byId("totals").replaceChildren(...[...totals.values()].map(totalRow));
}

function paintVisitors() {
  const list = byId("visitors");
  // Under a pointer nothing moves: what one is about to press stays where it is.
  const isRead = list.matches(":hover");
  if (!isRead) forgetGone();
  const shown = newestFirst().filter((id) => rows.has(id) || id === you || !isRead);
  byId("nobody").hidden = shown.length > 0;
  shown.forEach((id, place) => {
    const item = rows.get(id) ?? newRow(id);
    fillRow(item.firstChild, visitors.get(id));
    // What is in its place is left alone, and so keeps the focus.
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
}

const newestFirst = () => [...visitors.keys()].reverse().sort((a, b) => (b === you) - (a === you));

function forgetGone() {
  for (const [id, row] of visitors) {
    const isGone = row.status === "offline" && Date.now() - row.at > GONE_MS;
    if ((isGone || visitors.size > VISITORS_MAX) && id !== you && id !== chosen) visitors.delete(id);
  }
  for (const [id, item] of rows) {
    if (visitors.has(id)) continue;
    item.remove();
    rows.delete(id);
  }
}

function newRow(id) {
  const button = element("button", { type: "button", onclick: () => choose(id) });
  const item = element("li", {}, button);
  rows.set(id, item);
  return item;
}

function fillRow(button, row) {
  const id = row.visitor_id;
  button.className = `visitor${row.status === "offline" ? " away" : ""}${id === you ? " you" : ""}`;
  button.setAttribute("aria-pressed", String(id === chosen));
  button.replaceChildren(
    nameOf(id),
    element("span", { className: "page", textContent: pageOf(row) }),
    score(row.engagement_score ?? 0),
    element("span", { className: "last", textContent: row.last }),
  );
}

function nameOf(id) {
  const name = element("b", { textContent: plainName(id) });
  if (SHOPPER.test(id)) name.append(" ", element("span", { className: "badge", textContent: "synthetic" }));
  return name;
}

function plainName(id) {
  if (id === you) return "you";
  if (yous.has(id)) return "you, before";
  const shopper = SHOPPER.exec(id);
  return shopper ? `no. ${shopper[1]}` : id.slice(0, 14);
}

const pageOf = (row) => (row.page_url ?? "").split("/").pop() || "–";

function score(value) {
  const meter = element("meter", { min: 0, max: 100, value });
  meter.setAttribute("aria-label", "engagement score");
  return element("span", { className: "score" }, meter, String(value));
}

function choose(visitorId) {
  chosen = visitorId;
  askedAt = 0;
  for (const decision of visitors.get(visitorId)?.decisions ?? []) explain(decision);
  askWhy();
  dirty = true;
}

function paintChosen() {
  const row = visitors.get(chosen);
  const { why = [], decisions = [] } = row ?? {};
  const name = chosen && plainName(chosen);
  byId("chosen-name").textContent = !name || name === "you" ? "You" : `Visitor ${name}`;
  byId("chosen-hint").textContent = hint(row);
  byId("decisions-title").hidden = !decisions.length;
  byId("decisions").replaceChildren(...decisions.map(decisionShown));
  byId("rules-title").hidden = !why.length;
  byId("rules").replaceChildren(...why.map(ruleShown));
}

/** Says why there is nothing to see of the rules, where that is so. */
function hint(row) {
  if (!row) return "Nobody is chosen. Open a page of the shop, or choose a visitor above.";
  if (row.status === "offline") return "This visitor has left.";
  if (!row.why || row.why.length) return "";
  if (chosen !== you) return "No rule of this shop is about the page that this visitor is on.";
  return "No rule is about the page that you are on. Stay on the tents for 8 seconds, and watch why a message comes, or why not yet.";
}

function ruleShown(record) {
  const closed = record.gates.filter((gate) => !gate.open);
  return element(
    "div",
    { className: "rule" },
    element("p", { textContent: record.summary }),
    ...record.clauses.map((clause) => line(holds(clause), clause.text, clause.seen)),
    ...closed.map((gate) => line(false, gate.name.replaceAll("_", " "), reopens(gate))),
  );
}

const holds = ({ text, value }) => value === (/^(unless|except)\b/.test(text) ? "false" : "true");

function reopens({ reopens_ms: at }) {
  return at === null ? "closed" : `opens at ${clock(at)}`;
}

function line(isTrue, text, seen) {
  const sign = element("span", { className: isTrue ? "yes" : "no", textContent: isTrue ? "✓" : "✗" });
  sign.setAttribute("aria-label", isTrue ? "holds" : "does not hold");
  const words = element("code", { textContent: text });
  return element("div", { className: "clause" }, sign, words, element("span", { className: "seen", textContent: seen ?? "" }));
}

function decisionShown(decision) {
  const at = element("time", { textContent: clock(decision.at_ms) });
  const words = `${decision.rule}: ${decision.outcome.replace("_", " ")} at score ${decision.score}`;
  const item = element("li", {}, at, words);
  const text = texts.get(decision.message_id);
  if (text) item.append(element("q", { textContent: text }));
  for (const clause of decision.trace?.clauses ?? []) item.append(line(holds(clause), clause.text, clause.seen));
  return item;
}

function totalRow(row) {
  const cells = [row.campaign_id, row.sent, row.displayed, row.replied, row.dismissed];
  return element("tr", {}, ...cells.map((cell) => element("td", { textContent: cell })));
}

function showFigures(figures) {
  const { visitors_connected: here, sent_today: sent, replied_today: replied } = figures;
  byId("figures").textContent = `${here} connected · ${sent} approached today · ${replied} replied`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString();

// ---- the shop beside it

/** Learns who you are from the shop's own widget, which tells its page when it is ready, and afterwards too. */
function listenToShop() {
  byId("shop").contentWindow.opportune?.("on", "ready", ({ visitorId }) => {
    if (chosen === you) chosen = visitorId;
    you = visitorId;
    yous.add(you);
    askedAt = 0;
    askWhy();
    dirty = true;
  });
}

// ---- one half at a time, where there is no room for two

const tabs = [...document.querySelectorAll("[role=tab]")];

function turnTo(tab) {
  document.body.dataset.side = tab.id.slice("tab-".length);
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
}

/** Returns the tab that a key leads to from the one at `place`. */
function tabAfter(place, key) {
  const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: -1 }[key];
  return to === undefined ? undefined : tabs.at(to % tabs.length);
}

tabs.forEach((tab, place) => {
  tab.onclick = () => turnTo(tab);
  tab.onkeydown = (event) => {
    const next = tabAfter(place, event.key);
    if (!next) return;
    event.preventDefault();
    turnTo(next);
    next.focus();
  };
});

if (token) {
  byId("shop").addEventListener("load", listenToShop);
  listenToShop();
  connect();
  setInterval(paint, REPAINT_MS);
  setInterval(askWhy, 2 * WHY_EVERY_MS);
} else {
  byId("connection").textContent = "signed out: open /demo";
}
