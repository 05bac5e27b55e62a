// The shop's own script, as a site would have one: a cart, and what the shop tells Opportune of it.
window.opportune ||= function () {
  (window.opportune.q ||= []).push([arguments, location.href, Date.now()]);
};
// Looked up at each call: the widget takes the place of the function above once it has loaded.
const opportune = (...given) => window.opportune(...given);
const NEW_KEY = "fernwood-new";
const SETTLED_MS = 300;
const byId = (id) => document.getElementById(id);
const money = (amount) => `$${amount}`;

const stored = () => JSON.parse(sessionStorage.getItem("fernwood") ?? "[]");

function keep(lines) {
  sessionStorage.setItem("fernwood", JSON.stringify(lines));
  opportune("set", { "cart.items": lines.length, "cart.total": total(lines) });
  show(lines);
}

const total = (lines) => lines.reduce((sum, line) => sum + line.price, 0);

function show(lines) {
  const count = byId("cart-count");
  count.hidden = lines.length === 0;
  count.textContent = lines.length;
  if (!byId("cart-full")) return;
  byId("cart-empty").hidden = lines.length > 0;
  byId("cart-full").hidden = lines.length === 0;
  byId("cart-total").textContent = money(total(lines));
  byId("cart-lines").replaceChildren(...lines.map(row));
}

function row(line) {
  const tr = document.createElement("tr");
  for (const words of [line.name, money(line.price)]) {
    const td = document.createElement("td");
    td.textContent = words;
    tr.append(td);
  }
  return tr;
}

for (const product of document.querySelectorAll(".product")) {
  product.querySelector("button").addEventListener("click", (event) => {
    const { name, price } = product.dataset;
    opportune("track", "cart_add", { product: name, price: Number(price) });
    keep([...stored(), { name, price: Number(price) }]);
    event.target.textContent = "In your cart";
    setTimeout(() => (event.target.textContent = "Add to cart"), 1_500);
  });
}

byId("sizes")?.addEventListener("toggle", () => byId("sizes").open && opportune("track", "size_chart"));
byId("order")?.addEventListener("click", () => {
  opportune("track", "purchase", { total: total(stored()) });
  keep([]);
  byId("ordered").hidden = false;
});
byId("empty")?.addEventListener("click", () => keep([]));
byId("new-visitor").addEventListener("click", () => {
  sessionStorage.removeItem("fernwood");
  sessionStorage.setItem(NEW_KEY, "1");
  location.assign("home");
});
// The new visitor begins on the page that stays: one that goes could take them with it.
opportune("on", "ready", () => {
  if (!sessionStorage.getItem(NEW_KEY)) return;
  sessionStorage.removeItem(NEW_KEY);
  setTimeout(() => opportune("reset"), SETTLED_MS);
});
show(stored());
