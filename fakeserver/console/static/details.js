// One row: its fields, its state among the others, what can be done with it, its files, and the commands it ran.

import { admin, ask, tokenHeaders } from "./api.js";
import { actionForm } from "./call.js";
import { alertOf, attempt, button, field, form, h, json, pre, put, row as cells, select, shown, table, word } from "./dom.js";
import { valueFor } from "./spec.js";

const SHOWN_FILE = 100_000;

export async function showDetails(place, context) {
  const { provider, row, close } = context;
  place.addEventListener("keydown", (event) => { if (event.key === "Escape") place.querySelector("button").click(); });
  const id = String(row[provider.identity] ?? row.id ?? "");
  const states = statesOf(provider, row);
  const acting = h("div", {}, context.kept);
  put(place,
    h("div", { class: "bar" }, h("h2", { tabindex: "-1" }, word(row.name ?? id)), button("Close", close, { "data-parameter": "~row", "data-value": id })),
    states && stateLine(states, row),
    h("h3", {}, "Do"), h("div", { class: "chips" }, actionsOf(context).map((each) =>
      button(each.id, () => actionForm(acting, { ...context, action: each, target: row }), { class: "chip", "data-action": each.id }))),
    acting,
    h("h3", {}, "Fields"),
    h("dl", {}, Object.entries(row).map(([name, value]) => [h("dt", {}, word(name)), h("dd", {}, value !== null && typeof value === "object" ? json(value, name) : shown(value))])),
    await commandsOf(provider, id),
    filesOf(provider, id),
    editor(context));
  place.hidden = false;
}

// The table of states that a row lives by: the one that has a word for the state it shows.
function statesOf(provider, row) {
  return provider.states.find((each) => typeof row[each.field] === "string"
    && (each.states.includes(row[each.field]) || Object.values(each.shown).includes(row[each.field])));
}

function stateLine(machine, row) {
  const state = row[machine.field];
  const shows = (each) => machine.shown[each] ?? each;
  const leading = machine.transitions.filter((each) => each.from.some((from) => shows(from) === state));
  return [h("h3", {}, "State"),
    h("ol", { class: "states", "aria-label": "States" }, machine.states.map((each) =>
      h("li", { "aria-current": shows(each) === state ? "step" : undefined }, shows(each) === each ? each : `${each} (shows ${shows(each)})`))),
    leading.length ? h("ul", { class: "leading" }, leading.map((each) =>
      h("li", {}, `${each.event} → ${each.to || "gone"}`, h("span", { class: "faint" }, ` ${each.how}${each.note ? `; ${each.note}` : ""}`))))
      : h("p", { class: "faint" }, "Nothing leads on from here.")];
}

// Operations on one thing whose path the row can fill, the reading ones last.
function actionsOf({ operations, operation, provider, row, filled }) {
  const start = operation.path.replace(/\/$/, "");
  const near = (each) => each.path.startsWith(`${start}/{`) || each.segments.some(({ name }) => /(sandbox|vm|job|session)_?id/i.test(name) && valueFor(name, row, "", {}) !== undefined)
    || /sandboxes$/.test(operation.id.toLowerCase()) && each.segments.some(({ name }) => /^(sandbox|vm|job)_?id$/i.test(name)) || /^exec/.test(each.id);
  const found = operations.filter((each) => each.id !== operation.id && each.meaning === "call" && near(each)
    && each.segments.every(({ name }) => valueFor(name, row, provider.identity, filled) !== undefined || /ns$/.test(name)));
  return found.sort((one, other) => (one.method === "GET") - (other.method === "GET"));
}

async function commandsOf(provider, id) {
  const told = await admin("GET", "/commands").catch(() => ({ commands: [] }));
  const mine = told.commands.filter((each) => each.provider === provider.provider && each.id === id);
  return [h("h3", {}, "Commands run"), mine.length === 0 ? h("p", { class: "faint" }, "None.")
    : table("Commands run", ["at", "command", "exit code", "stdout", "stderr"], mine.slice(0, 50).map((each) =>
      cells(shown(each.at), shown(each.command), shown(each.exit_code), shown(each.stdout), shown(each.stderr))))];
}

function filesOf(provider, id) {
  const place = h("div", {});
  const look = async (path) => {
    const answer = await ask(`/__admin/files/${provider.provider}/${encodeURIComponent(id)}?path=${encodeURIComponent(path)}`, { headers: tokenHeaders() });
    if (answer.status >= 400) return put(place, alertOf({ message: answer.value?.detail ?? String(answer.status) }));
    const up = path.replace(/\/[^/]*\/?$/, "") || "/";
    const back = path !== "/" && button(`Up to ${up}`, () => look(up));
    if (!answer.value?.entries) return put(place, back, pre(answer.text.slice(0, SHOWN_FILE), path));
    return put(place, back, table(`Files in ${answer.value.path}`, ["name", "kind", "size"], answer.value.entries.map((each) =>
      cells(each.kind === "link" ? word(each.name) : button(each.name, () => look(`${answer.value.path.replace(/\/$/, "")}/${each.name}`), { class: "plain" }), shown(each.kind), shown(each.size)))));
  };
  return [h("h3", {}, "Files"), button("Look at its files", () => look("/")), place];
}

function editor({ provider, row, again }) {
  const told = h("div", {});
  const area = h("textarea", { rows: "12", spellcheck: "false", value: JSON.stringify(row, null, 2) });
  let tenant = provider.default_tenant;
  return h("details", {}, h("summary", {}, "Change it as JSON"),
    form(() => attempt(told, async () => {
      await admin("PATCH", `/documents/${provider.provider}/${encodeURIComponent(tenant)}`, `[${area.value}]`);
      again(h("p", { class: "good", role: "status" }, "Stored."));
    }),
    field("Tenant", select(provider.tenants, tenant, (chosen) => { tenant = chosen; })),
    field("Document", area, "the whole document, as the listing has it"), h("button", {}, "Store it"), told));
}
