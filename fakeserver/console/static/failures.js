// Failures: those that are switched on, with what is left of them, and every error of an operation with its recipes.

import { admin, errorsOf, prefix, root } from "./api.js";
import { choose } from "./choose.js";
import { attempt, button, copied, field, form, h, prose, put, row as cells, say, select, table, word } from "./dom.js";
import { link } from "./route.js";

const FAULTS = ["EMPTY_RESPONSE", "CONNECTION_RESET_BY_PEER", "RANDOM_DATA_THEN_CLOSE", "MALFORMED_RESPONSE_CHUNK", "TRUNCATED_BODY", "STALL", "WRONG_CONTENT_TYPE", "HTML_GATEWAY"];
const LOOK_MILLISECONDS = 1000;

export async function show(place, { parts, signal }) {
  const { provider, operation, bar } = await choose("failures", parts);
  const [first] = provider.callers;
  const errors = await errorsOf(provider.provider, operation.id);
  if (signal.aborted) return;
  const on = h("div", {});
  const told = h("div", {});
  const faults = faultForm();
  put(place,
    h("p", {}, "For an SDK: give it one of these credentials, and its next requests fail so. Nothing has to be switched off afterwards."),
    bar, h("p", {}, button("Switch on a delay, a break, or an error for several requests", () => faults.querySelector("select").focus(), { class: "plain" })), told, on,
    h("h2", {}, `Errors of ${operation.id}`),
    table(`Errors of ${operation.id}`, ["status", "which", "credential for the SDK", "without an SDK", "for everybody"], errors.map((each) => {
      const { credential, prefer, query, cause } = each.recipes;
      return cells(h("strong", {}, String(each.code)), [word(each.example), h("br", {}), h("span", { class: "faint" }, prose(each.description))],
        credential ? h("div", { class: "pair" }, h("code", {}, credential), copied(credential)) : h("span", { class: "faint" }, "it asks for none"),
        h("div", { class: "recipes" }, copied(prefer, "Header"), copied(`?${query}`, "Query"), cause && copied(cause.replaceAll('"$BASE_URL"', () => root), "Cause"),
          operation.method === "GET" && h("a", { href: link(["explore", provider.provider, operation.id], query.split("&").map((pair) => pair.split("="))) }, "See it")),
        button("Switch on", () => switchOn({ code: each.code, example: each.example, times: 1 }), { "data-switch": each.example, "aria-label": `Switch on ${each.code} ${each.example} for one request` }));
    })),
    h("h2", {}, "Switch on a failure"), faults);
  await refresh();
  const timer = setInterval(() => { if (!document.hidden) refresh(); }, LOOK_MILLISECONDS);
  signal.addEventListener("abort", () => clearInterval(timer));

  async function switchOn(fault) {
    const set = await attempt(told, () => admin("POST", "/faults", { provider: provider.provider, operation: operation.id, ...fault }));
    if (set) say(`Switched on: ${set.id}`);
    await refresh();
  }

  async function refresh() {
    let rules;
    try {
      ({ faults: rules } = await admin("GET", "/faults"));
    } catch {
      return;
    }
    if (signal.aborted) return;
    const text = JSON.stringify(rules);
    if (on.dataset.shown === text) return;
    on.dataset.shown = text;
    put(on, h("h2", {}, "Switched on"), rules.length === 0 ? h("p", { class: "faint" }, "Nothing: all is well.") : [
      table("Switched on", ["what", "where", "left", "hit", ""], rules.map((each) =>
        cells(word(whatOf(each)), word(`${each.provider} ${each.operation ?? "every operation"}`), h("strong", {}, leftOf(each)), String(each.hits),
          button("Switch off", async () => { await attempt(told, () => admin("DELETE", `/faults/${encodeURIComponent(each.id)}`)); await refresh(); }, { "aria-label": `Switch off ${each.id}` })))),
      button("Switch everything off", async () => { await attempt(told, () => admin("DELETE", "/faults")); await refresh(); })]);
  }

  function faultForm() {
    const codes = [...new Set(errors.map((each) => each.code))];
    const kind = select([["", "a late answer"], ...codes.map((each) => [`${each}`, `${each}`]), ...FAULTS], codes[0] === undefined ? "" : String(codes[0]));
    const times = h("input", { type: "number", min: "1", value: "3" });
    const after = h("input", { type: "number", min: "0", value: "0" });
    const delay = h("input", { type: "number", min: "0", placeholder: "0" });
    const caller = select([["", "everybody"], ...provider.callers.map((each) => each.name)], "");
    return form(() => switchOn({
      ...(kind.value && (FAULTS.includes(kind.value) ? { fault: kind.value } : { code: Number(kind.value) })),
      ...(times.value && { times: Number(times.value) }), ...(Number(after.value) > 0 && { after: Number(after.value) }),
      ...(delay.value && { delay_ms: Number(delay.value) }), ...(caller.value && { match: { caller: caller.value } }),
    }), h("div", { class: "bar" }, field("What", kind), field("How many requests", times, "empty: all of them"), field("After so many others", after), field("Late by (ms)", delay), field("For", caller)),
    h("p", {}, h("button", {}, "Switch it on"), " ", h("a", { href: `${prefix}/__admin/faults` }, "as JSON")));
  }
}

function whatOf(rule) {
  const parts = [rule.code && `${rule.code}${rule.example ? ` ${rule.example}` : ""}`, rule.fault, rule.delay_ms && `late by ${rule.delay_ms} ms`,
    rule.delayDistribution && "late", rule.chunkedDribbleDelay && "in dribbles", rule.headers && `headers ${Object.keys(rule.headers).join(", ")}`];
  return `${rule.id}: ${parts.filter(Boolean).join(", ")}`;
}

function leftOf(rule) {
  if (rule.completed) return "used up";
  return rule.times === null || rule.times === undefined ? "until it is switched off" : `${rule.times - rule.hits} to go`;
}

