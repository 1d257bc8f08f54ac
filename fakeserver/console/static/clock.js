// The world's time, and what passes with it: the states of the newest rows before and after a move.

import { admin } from "./api.js";
import { choose } from "./choose.js";
import { attempt, button, field, form, h, put, row as cells, say, table, word } from "./dom.js";
import { compose, credentialOf, fillSegments, headerOf, send } from "./request.js";
import { pagingOf, rowsOf } from "./spec.js";

const STEPS = [["a minute", 60], ["an hour", 3600], ["a day", 86_400]];
const WATCHED = 50;
const TICK_MILLISECONDS = 500;

export async function show(place, { parts, signal }) {
  const { provider, operations, operation, bar } = await choose("clock", parts, "lists");
  const told = h("div", {});
  const now = h("output", { class: "now", "aria-label": "Now" });
  const states = h("div", {});
  const seconds = h("input", { type: "number", min: "0", value: "600" });
  const instant = h("input", { placeholder: "2026-01-19T12:00:00Z" });
  const factor = h("input", { type: "number", min: "0.000001", step: "any", value: "60" });
  let clock = await admin("GET", "/clock");
  let read = performance.now();
  if (signal.aborted) return;
  const move = (change) => attempt(told, async () => {
    clock = await admin("PUT", "/clock", change);
    read = performance.now();
    say(`It is ${clock.now}`);
    tick();
    await watch();
  });
  put(place, told, h("p", {}, now, " ", h("span", { class: "badge", id: "pace" })),
    h("div", { class: "chips" },
      button("Freeze", () => move({ action: "freeze" })),
      STEPS.map(([name, count]) => button(`Advance ${name}`, () => move({ action: "advance", seconds: count }))),
      button("Real time again", () => move({ action: "reset" }))),
    h("div", { class: "bar" },
      form(() => move({ action: "advance", seconds: Number(seconds.value) }), field("Seconds", seconds), h("button", {}, "Advance")),
      form(() => move({ action: "set", instant: instant.value }), field("Instant", instant), h("button", {}, "Set")),
      form(() => move({ action: "scale", factor: Number(factor.value) }), field("Times as fast", factor), h("button", {}, "Scale"))),
    h("h2", {}, "States"), bar, states);
  let before;
  let segments;
  const timer = setInterval(tick, TICK_MILLISECONDS);
  const looking = setInterval(() => { if (!document.hidden && clock.factor !== 1 && !clock.frozen) watch(); }, 2 * TICK_MILLISECONDS);
  signal.addEventListener("abort", () => { clearInterval(timer); clearInterval(looking); });
  tick();
  await watch();

  function tick() {
    const passed = clock.frozen ? 0 : (performance.now() - read) * clock.factor;
    now.textContent = new Date(Date.parse(clock.now) + passed).toISOString().replace(/\.\d+/, "");
    const pace = place.querySelector("#pace");
    if (pace) pace.textContent = clock.frozen ? "frozen" : clock.factor === 1 ? "at real pace" : `${clock.factor} times as fast`;
  }

  async function watch() {
    const paging = pagingOf(operation);
    const credential = credentialOf(provider);
    segments ??= await fillSegments(provider, operations, operation, credential, {}, signal).catch(() => undefined);
    const answer = await send(compose(provider, operation, {
      segments: segments ?? {}, pairs: paging.size ? [[paging.size, String(WATCHED)]] : [], headers: headerOf(provider, credential),
    }), signal).catch(() => undefined);
    if (!answer || signal.aborted) return;
    if (answer.status !== 200) {
      put(states, h("p", { class: "alert" }, `${operation.id} was answered ${answer.status}, so there is nothing to count.`));
      return;
    }
    const machine = provider.states.find((each) => each.kind === "sandboxes") ?? provider.states[0];
    const rows = rowsOf(operation, answer.value).slice(0, WATCHED);
    const counts = new Map();
    for (const each of rows) {
      const state = each[machine?.field] ?? each.status ?? each.state ?? "without a state";
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    const known = before;
    before = counts;
    put(states, h("p", { class: "faint" }, `Of the newest ${rows.length} rows of ${operation.id}:`),
      table("States", ["state", "before", "now"], [...new Set([...(known?.keys() ?? []), ...counts.keys()])].sort().map((each) =>
        cells(word(each), String(known?.get(each) ?? (known ? 0 : "–")), h("strong", {}, String(counts.get(each) ?? 0))))));
  }
}
