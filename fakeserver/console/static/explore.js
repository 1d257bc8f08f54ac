// The rows of a list: its filters as controls, the page, its neighbours, facets, a row in detail, and the request.

import { choose } from "./choose.js";
import { control } from "./controls.js";
import { showDetails } from "./details.js";
import { button, field, h, json, put, say, select, shown, snippet, table, word } from "./dom.js";
import { asCurl, asFetch, asPython, compose, credentialOf, fillSegments, headerOf, send } from "./request.js";
import { asked, changed, go, link, own, segments } from "./route.js";
import { pagingOf, resolve, rowsOf, successOf, tenantFor } from "./spec.js";

const MOST_COLUMNS = 6;
const FEW_COLUMNS = 5;
const MOST_TABS = 12;
const MOST_ROWS = 200;
const PAGE = "50";

let kept;
let opened;
let filtersOpen = matchMedia("(min-width: 52rem)").matches;

// What an action came to is shown beside the row as it is after it.
function take() {
  const told = kept;
  kept = undefined;
  return told;
}

export async function show(place, { parts, pairs, signal }) {
  const { provider, spec, operations, operation, bar } = await choose("explore", parts, "lists");
  const focus = document.activeElement?.dataset?.parameter && { ...document.activeElement.dataset };
  const here = ["explore", provider.provider, operation.id];
  const paging = pagingOf(operation);
  const size = operation.query.find((each) => each.name === paging.size);
  if (size && size.schema?.default === undefined && !pairs.some(([name]) => name === paging.size)) {
    // The provider would send all there is, a million rows if there are as many.
    go(here, [...pairs, [paging.size, PAGE]], { replace: true });
    return;
  }
  const credential = credentialOf(provider, own(pairs, "as"));
  const filled = await fillSegments(provider, operations, operation, credential, segments(pairs), signal);
  const prefer = own(pairs, "prefer");
  const request = compose(provider, operation, {
    segments: filled, pairs: asked(pairs), headers: { ...headerOf(provider, credential), ...(prefer && { Prefer: prefer }) },
  });
  const answer = await send(request, signal).catch((error) => {
    if (error.name === "AbortError") throw error;
    return { status: 0, headers: {}, text: error.message, milliseconds: 0 };
  });
  if (signal.aborted) return;
  const rows = answer.status === 200 ? rowsOf(operation, answer.value) : [];
  const update = (changes) => go(here, changed(pairs, { ...changes, ...restart(paging, changes), "~row": null }));
  const chosen = rows.find((each) => idOf(each, provider) === own(pairs, "row"));
  const told = take();
  const facets = h("div", {});
  const details = h("section", { class: "details", "aria-label": "Details", hidden: !chosen });
  put(place,
    bar,
    h("div", { class: "split" },
      h("details", { class: "filters", open: filtersOpen, toggle: (event) => { filtersOpen = event.target.open; } }, h("summary", {}, "Filters"), h("div", {},
        field("As", select(provider.callers.map((each) => each.name), own(pairs, "as") ?? provider.callers[0].name, (name) => update({ "~as": name }))),
        operation.segments.map((each) => control(each, [[each.name, filled[each.name] ?? ""]], (change) => update(prefixed(change)), tenantFor(each.name, provider) === undefined ? [] : provider.tenants)),
        operation.query.map((each) => control(each, pairs, update, wordsOf(rows, each.name))),
        field("Prefer", h("input", { value: prefer ?? "", "data-parameter": "~prefer", placeholder: "code=429", change: (event) => update({ "~prefer": event.target.value || null }) }), "what to ask the fake for"),
        button("Clear the filters", () => go(here, pairs.filter(([name]) => /^(:|~as)/.test(name)))))),
      h("section", { class: "rows", "aria-label": "Rows" },
        !chosen && told,
        facets,
        h("p", { class: answer.status === 200 ? "faint" : "alert", id: "answered" }, tell(answer, rows)),
        answer.status === 200 ? tableOf(operation, spec, provider, rows, here, pairs) : json(answer.value ?? answer.text, "The answer"),
        pager(operation, paging, answer, rows, pairs, here),
        h("p", { class: "links" },
          operations.filter((each) => each.method === "POST" && each.path.replace(/\/$/, "") === operation.path.replace(/\/$/, "") || /^(create|ensure)/.test(each.id)).map((each) =>
            h("a", { href: link(["call", provider.provider, each.id], Object.entries(filled).map(([name, value]) => [`:${name}`, value])) }, each.id)),
          h("a", { href: link(["failures", provider.provider, operation.id]) }, "Make this fail")),
        requestOf(provider, operation, request, pairs, filled, credential, answer))),
    details);
  if (chosen) await showDetails(details, { provider, spec, operations, operation, row: chosen, filled, credential, close: () => go(here, changed(pairs, { "~row": null })), again: (told) => { kept = told; window.dispatchEvent(new HashChangeEvent("hashchange")); }, kept: told });
  say(tell(answer, rows), { seen: false });
  if (chosen && own(pairs, "row") !== opened) details.querySelector("h2").focus();
  else if (focus) refocus(place, focus);
  opened = chosen && own(pairs, "row");
  await showFacets(facets, { provider, spec, operations, operation, pairs, filled, credential, here, signal });
}

function refocus(place, { parameter, value, part }) {
  const all = [...place.querySelectorAll("[data-parameter]")].filter((each) => each.dataset.parameter === parameter);
  (all.find((each) => each.dataset.value === value && each.dataset.part === part) ?? all[0])?.focus();
}

// What names a row: the provider's own field where it has that, otherwise the first that reads like an id.
const identityOf = (names, provider) => [provider.identity, "id", "key"].find((each) => names.includes(each)) ?? names.find((each) => /(_i|I)d$/.test(each)) ?? "name";
export const idOf = (row, provider) => String(row?.[identityOf(Object.keys(row ?? {}), provider)] ?? "");
const prefixed = (change) => Object.fromEntries(Object.entries(change).map(([name, value]) => [`:${name}`, value]));

// Another filter begins at the first page.
function restart(paging, changes) {
  if (paging.names.some((each) => each in changes && each !== paging.size)) return {};
  return Object.fromEntries([paging.cursor, paging.number, paging.offset].filter(Boolean).map((each) => [each, null]));
}

function tell(answer, rows) {
  if (answer.status === 0) return answer.text;
  const total = totalOf(answer);
  const count = answer.status === 200 ? `, ${rows.length} row${rows.length === 1 ? "" : "s"}${total === undefined ? "" : ` of ${total}`}` : "";
  const fault = answer.headers["x-fakeserver-fault"] ?? answer.headers["x-fakeserver-scenario"];
  return `${answer.status}${count}, ${answer.milliseconds.toFixed(0)} ms${fault ? `, asked for by ${fault}` : ""}`;
}

export function totalOf(answer) {
  const header = answer.headers["x-total-count"];
  if (header !== undefined) return Number(header);
  const { value } = answer;
  return [value?.total, value?.total_count, value?.pagination?.total].find((each) => typeof each === "number");
}

// Words of the rows at hand for a filter's field, so that nobody has to guess which there are.
function wordsOf(rows, name) {
  const camel = name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const values = rows.flatMap((each) => each[name] ?? each[camel] ?? []);
  return [...new Set(values.filter((each) => typeof each === "string"))].sort();
}

function tableOf(operation, spec, provider, rows, here, pairs) {
  if (rows.length === 0) return h("p", { class: "empty" }, "No rows: nothing fits, or nothing is there.");
  const columns = columnsOf([...new Set([...Object.keys(rowOf(spec, operation).properties ?? {}), ...rows.flatMap(Object.keys)])], provider);
  const current = own(pairs, "row");
  return [table(`Rows of ${operation.id}`, columns, rows.slice(0, MOST_ROWS).map((each) => {
    const id = idOf(each, provider);
    return h("tr", { "aria-current": id === current ? "true" : undefined }, columns.map((name, index) =>
      h("td", {}, index === 0 ? h("a", { href: link(here, changed(pairs, { "~row": id })), "data-parameter": "~row", "data-value": id }, word(each[name] ?? id)) : shown(each[name]))));
  })), rows.length > MOST_ROWS && h("p", { class: "faint" }, `${rows.length - MOST_ROWS} more rows are in the answer; the raw JSON has them.`)];
}

const FIRST = [/^(id|key)$/, /^name$/, /^(status|state)$/, /^(created|started)_?at$/i, /label|meta/, /project_key|team|owner|user/];

// What tells rows apart comes first, and others where that is little.
function columnsOf(names, provider) {
  const identity = identityOf(names, provider);
  const rank = (name) => (name === identity ? -1 : (FIRST.findIndex((each) => each.test(name)) + FIRST.length + 1) % (FIRST.length + 1));
  const sorted = [...names].sort((one, other) => rank(one) - rank(other));
  const telling = sorted.filter((each) => rank(each) < FIRST.length).length;
  return sorted.slice(0, Math.min(MOST_COLUMNS, Math.max(telling, FEW_COLUMNS)));
}

// The pages next to this one, in the provider's own way.
function pager(operation, paging, answer, rows, pairs, here) {
  const { style, size, cursor, number, offset } = paging;
  const value = (name) => pairs.find(([each]) => each === name)?.[1];
  const to = (changes, text) => h("a", { href: link(here, changed(pairs, { ...changes, "~row": null })), class: "page" }, text);
  const per = Number(value(size) ?? operation.query.find((each) => each.name === size)?.schema?.default ?? rows.length);
  const total = totalOf(answer);
  const links = [];
  if (answer.status !== 200 || style === "whole") return h("nav", { "aria-label": "Pages", class: "pager" }, answer.status === 200 && h("span", { class: "faint" }, "This list has no pages."));
  if (style === "cursor") {
    const next = nextOf(answer);
    if (value(cursor)) links.push(to({ [cursor]: null }, "First page"));
    links.push(next ? to({ [cursor]: next }, "Next page") : h("span", { class: "faint" }, "The last page"));
  } else if (style === "page") {
    const at = Number(value(number) ?? 1);
    const last = Math.max(1, Math.ceil((total ?? rows.length) / Math.max(1, per)));
    if (at > 1) links.push(to({ [number]: at - 1 }, "Previous page"));
    links.push(h("span", {}, `Page ${at} of ${last}`));
    if (at < last) links.push(to({ [number]: at + 1 }, "Next page"), to({ [number]: last }, "Last page"));
  } else if (style === "offset") {
    const at = Number(value(offset) ?? 0);
    if (at > 0) links.push(to({ [offset]: Math.max(0, at - per) || null }, "Previous page"));
    links.push(h("span", {}, `Rows ${rows.length ? at + 1 : 0} to ${at + rows.length}${total === undefined ? "" : ` of ${total}`}`));
    if (total === undefined ? rows.length >= per : at + rows.length < total) links.push(to({ [offset]: at + per }, "Next page"));
  } else {
    links.push(h("span", {}, `The first ${rows.length} rows; there is no second page.`));
    if (rows.length >= per) links.push(to({ [size]: Math.min(1000, per * 2) }, "More rows"));
  }
  return h("nav", { "aria-label": "Pages", class: "pager" }, links);
}

function nextOf(answer) {
  const named = Object.entries(answer.value ?? {}).find(([name, value]) => /next/i.test(name) && typeof value === "string");
  return named?.[1] ?? Object.entries(answer.headers).find(([name]) => /next/.test(name))?.[1];
}

// Facets: for each the counts that the API gives where its own filter is left open, so that the other tabs are seen.
// They are of what the list shows: in a scenario, of its rows.
async function showFacets(place, { provider, spec, operations, operation, pairs, filled, credential, here, signal }) {
  const facet = operations.find((each) => each.meaning === "facets" && each.path.startsWith(operation.path));
  if (!facet) return;
  const filters = facet.query.map((each) => each.name);
  const query = asked(pairs).filter(([name]) => filters.includes(name));
  const scenario = asked(pairs).filter(([name]) => name === "__scenario");
  const preferred = (own(pairs, "prefer") ?? "").match(/\bscenario=[\w-]+/);
  const ask = (without) => send(compose(provider, facet, {
    segments: filled, pairs: [...query.filter(([name]) => name !== without), ...scenario],
    headers: { ...headerOf(provider, credential), ...(preferred && { Prefer: preferred[0] }) },
  }), signal);
  const all = await ask();
  if (all.status !== 200 || signal.aborted) return;
  const groups = [];
  for (const [name, buckets] of Object.entries(all.value).filter(([, value]) => Array.isArray(value))) {
    const parameter = filters.find((each) => buckets[0] && each in buckets[0]) ?? filters.find((each) => `${each}s` === name) ?? name;
    const open = query.some(([each]) => each === parameter) ? (await ask(parameter)).value?.[name] ?? buckets : buckets;
    const chosen = query.filter(([each]) => each === parameter).flatMap(([, value]) => value.split(","));
    const tab = (text, count, value) => h("a", {
      href: link(here, changed(pairs, { [parameter]: value, cursor: null, "~row": null })), class: "chip",
      "aria-current": (value === null ? chosen.length === 0 : chosen.includes(value)) ? "true" : undefined, "data-facet": name, "data-bucket": value ?? "",
    }, word(text), count !== undefined && [" ", h("span", { class: "count" }, String(count))]);
    const tabOf = (each) => {
      const value = each[parameter] ?? each.value ?? null;
      const text = each.value ?? Object.entries(each).find(([key]) => /name|key/.test(key) && each[key] !== null)?.[1] ?? `without ${parameter}`;
      return value === null ? h("span", { class: "chip" }, word(text), " ", h("span", { class: "count" }, String(each.count))) : tab(text, each.count, String(value));
    };
    // Rows that have nothing in the field are in no bucket, and then the buckets do not add up to all rows.
    const whole = !canBeNull(spec, rowOf(spec, operation).properties?.[parameter]);
    const first = (each, index) => index < MOST_TABS || chosen.includes(String(each[parameter] ?? each.value));
    const rest = open.filter((each, index) => !first(each, index));
    const more = rest.length > 0 && button(`${rest.length} more`, (event) => event.target.replaceWith(...rest.map(tabOf)), { class: "chip", "data-more": name });
    groups.push(h("nav", { class: "chips", "aria-label": name },
      tab(`All ${name}`, whole ? open.reduce((sum, each) => sum + each.count, 0) : undefined, null), open.filter(first).map(tabOf), more));
  }
  if (!signal.aborted) put(place, groups);
}

function rowOf(spec, operation) {
  const success = successOf(spec, operation);
  return resolve(spec, operation.items === null ? success.items : resolve(spec, success.properties[operation.items]).items);
}

function canBeNull(spec, schema) {
  const found = resolve(spec, schema);
  return [].concat(found.type ?? []).includes("null") || [...(found.anyOf ?? []), ...(found.oneOf ?? [])].some((each) => canBeNull(spec, each));
}

export function requestOf(provider, operation, request, pairs, filled, credential, answer) {
  return h("details", { class: "request" }, h("summary", {}, "This request, and the raw answer"),
    h("h3", {}, "curl"), snippet(asCurl(request), "As curl"),
    h("h3", {}, "Python"), snippet(asPython(provider, operation, request, asked(pairs), filled, credential), "As Python"),
    h("h3", {}, "fetch"), snippet(asFetch(request), "As fetch"),
    answer && [h("h3", {}, "Raw answer"), json(answer.headers, "Headers of the answer"),
      answer.value === undefined ? h("pre", { tabindex: "0" }, answer.text || "nothing") : json(answer.value, "Body of the answer")]);
}

