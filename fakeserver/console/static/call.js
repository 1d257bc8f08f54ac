// One operation: what it takes as fields, and what it answers.

import { choose } from "./choose.js";
import { control } from "./controls.js";
import { alertOf, button, field, form, h, json, pre, put, select } from "./dom.js";
import { idOf, requestOf } from "./explore.js";
import { compose, credentialOf, fillSegments, headerOf, send } from "./request.js";
import { asked, changed, go, own, segments } from "./route.js";
import { successOf, tenantFor, valueFor } from "./spec.js";

// The browser's, or the caller's.
const OWN_HEADERS = /^(host|origin|cookie|authorization|x-api-key|content-type|prefer)$/i;
// The newest token that an answer told, by provider: some are told once, and asked for in a header.
const tokens = {};

export async function show(place, { parts, pairs, signal }) {
  const { provider, spec, operations, operation, bar } = await choose("call", parts);
  if (signal.aborted) return;
  const here = ["call", provider.provider, operation.id];
  const credential = credentialOf(provider, own(pairs, "as"));
  const filled = await fillSegments(provider, operations, operation, credential, segments(pairs), signal);
  if (signal.aborted) return;
  const acting = h("div", {});
  bar.append(field("As", select(provider.callers.map((each) => each.name), own(pairs, "as") ?? provider.callers[0].name, (name) => go(here, changed(pairs, { "~as": name })))));
  put(place, bar, acting);
  actionForm(acting, {
    provider, spec, operations, action: operation, filled, pairs: asked(pairs), credential, target: undefined, again: () => {},
  });
}

export function actionForm(place, { provider, spec, operations, action, target, filled, pairs = [], credential, again }) {
  const at = {};
  for (const { name } of action.segments) at[name] = filled[name] ?? valueFor(name, target, provider.identity) ?? tenantFor(name, provider) ?? "";
  const wanting = missing(action, target, operations, spec);
  const heads = {};
  for (const { name } of action.heads.filter((each) => !OWN_HEADERS.test(each.name))) {
    heads[name] = valueFor(name, target, provider.identity) ?? (/token$/i.test(name) && tokens[provider.provider] ? `Bearer ${tokens[provider.provider]}` : "");
  }
  let query = pairs;
  const controls = h("div", {});
  const redraw = () => put(controls, action.query.map((each) => control(each, query, (changes) => { query = changed(query, changes); redraw(); })));
  redraw();
  const body = action.body && h("textarea", { rows: "8", spellcheck: "false", value: JSON.stringify(filledBody(action.body.example, target, provider), null, 2) });
  let outcome = "";
  const answers = h("div", {});
  put(place, h("section", { class: "card", "aria-label": action.id },
    h("h3", {}, `${action.id}: ${action.method} ${action.path}`), action.summary && h("p", { class: "faint" }, action.summary),
    form(() => act(),
      action.segments.filter(({ name }) => !wanting?.names.includes(name)).map(({ name }) => field(name, h("input", { value: at[name], "data-segment": name, input: (event) => { at[name] = event.target.value; } }))),
      controls,
      Object.entries(heads).map(([name, value]) => field(`${name} (header)`, h("input", { value, "data-header": name, input: (event) => { heads[name] = event.target.value; } }))),
      body && field(`Body (${action.body.type})`, body),
      action.outcomes.length > 0 && field("How it turns out", select([["", "well"], ...action.outcomes], "", (chosen) => { outcome = chosen; })),
      h("button", { "data-send": action.id }, action.method === "GET" ? "Ask" : "Send"), target && button("Put away", () => put(place))),
    answers));
  place.querySelector("[data-send]").scrollIntoView({ block: "nearest" });

  async function act() {
    try {
      let headers = headerOf(provider, credential);
      let from = at;
      if (wanting) {
        const lent = await send(compose(provider, wanting.from, { segments: Object.fromEntries(wanting.from.segments.map(({ name }) => [name, valueFor(name, target, provider.identity, filled)])), headers }));
        if (lent.status >= 400) return answered(lent);
        from = { ...at, ...lent.value };
        if (typeof lent.value.token === "string") headers = { Authorization: `Bearer ${lent.value.token}` };
      }
      for (const [name, value] of Object.entries(heads)) if (value) headers[name] = value;
      if (outcome) headers.Prefer = `outcome=${outcome}`;
      const request = compose(provider, action, { segments: from, pairs: query, headers, body: body?.value.trim() ? body.value : undefined, type: action.body?.type });
      const answer = await send(request);
      answered(answer, requestOf(provider, action, request, query, from, credential));
      if (answer.status < 400 && action.method !== "GET") again(answers);
    } catch (error) {
      put(answers, alertOf(error));
    }
    return undefined;
  }

  function answered(answer, request) {
    const token = Object.entries(answer.value ?? {}).find(([name, value]) => /token$/i.test(name) && typeof value === "string");
    if (token) tokens[provider.provider] = token[1];
    put(answers, h("p", { class: answer.status < 400 ? "good" : "alert", role: "status", "data-answered": String(answer.status) }, `${action.id}: ${answer.status}, ${answer.milliseconds.toFixed(0)} ms`),
      answer.value === undefined ? answer.text && pre(answer.text, "Body of the answer") : json(answer.value, "Body of the answer"), request);
  }
}

// What a path asks for that another operation answers with, beside a token that is good for it.
function missing(action, target, operations, spec) {
  if (!target || action.segments.length < 2) return undefined;
  for (const from of operations) {
    const answered = successOf(spec, from).properties ?? {};
    const names = action.segments.map(({ name }) => name).filter((name) => name in answered);
    if (names.length > 1 && "token" in answered && from !== action) return { names, from };
  }
  return undefined;
}

// The example of a body, about this row where it names one.
function filledBody(example, target, provider) {
  if (!target || example === null || typeof example !== "object" || Array.isArray(example)) return example;
  const id = idOf(target, provider);
  return Object.fromEntries(Object.entries(example).map(([name, value]) => [name, /^(sandbox|vm|session)_?id$/i.test(name) ? target[name] ?? id : value]));
}
