// The requests as they arrive, what their clients did wrong, and why each was answered so.

import { admin, events, lose, providers, Refused } from "./api.js";
import { alertOf, attempt, button, field, h, json, pre, put, say, select, shown, snippet, word } from "./dom.js";
import { asCurl, headerOf, send } from "./request.js";
import { changed, go, link, own, stand } from "./route.js";

const MOST_SHOWN = 300;

export async function show(place, { pairs, signal }) {
  const all = await providers();
  const told = h("div", {});
  const body = h("tbody", {});
  const why = h("section", { class: "details", "aria-label": "Why", hidden: true });
  const count = h("p", { class: "faint", id: "count" });
  let entries = (await admin("GET", `/requests?limit=${MOST_SHOWN}`)).requests;
  if (signal.aborted) return;
  let paused = false;
  const update = (changes) => go(["journal"], changed(pairs, changes), { replace: true });
  const fits = filterOf(pairs);
  const text = h("input", { value: own(pairs, "text") ?? "", "data-parameter": "~text", change: (event) => update({ "~text": event.target.value || null }) });
  put(place, told,
    h("div", { class: "bar" },
      field("Provider", select([["", "all"], ...all.map((each) => each.provider)], own(pairs, "provider"), (value) => update({ "~provider": value || null }))),
      field("Status", select([["", "all"], ["2", "2xx"], ["4", "4xx"], ["5", "5xx"]], own(pairs, "status"), (value) => update({ "~status": value || null }))),
      field("Only", select([["", "everything"], ["warnings", "with warnings"], ["faults", "made to fail"]], own(pairs, "only"), (value) => update({ "~only": value || null }))),
      field("Path or query has", text),
      button("Pause", (event) => { paused = !paused; event.target.textContent = paused ? "Go on" : "Pause"; if (!paused) redraw(); }, { id: "pause" }),
      button("Empty the journal", () => attempt(told, () => admin("DELETE", "/requests")))),
    count,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Requests" },
      h("table", {}, h("caption", {}, "Requests, newest first"),
        h("thead", {}, h("tr", {}, ["no.", "status", "request", "operation", "caller", "warnings"].map((each) => h("th", { scope: "col" }, each)))), body)),
    why);
  why.addEventListener("keydown", (event) => { if (event.key === "Escape") why.querySelector("button").click(); });
  redraw();
  if (own(pairs, "request")) await explain(own(pairs, "request"));
  follow();

  function redraw() {
    const found = entries.filter(fits);
    put(body, found.slice(0, MOST_SHOWN).map(line));
    count.textContent = `${found.length} of the last ${entries.length} requests, as they arrive.`;
  }

  function line(entry) {
    return h("tr", { "data-entry": String(entry.id) }, h("td", {}, button(String(entry.id), () => explain(entry.id), { "aria-label": `Why was request ${entry.id} answered so?` })),
      h("td", { class: entry.status >= 400 ? "bad" : "" }, String(entry.status)),
      h("td", {}, h("code", {}, entry.method), " ", word(entry.path + (entry.query && `?${entry.query}`))),
      h("td", {}, shown(entry.operation)), h("td", {}, shown(entry.caller)),
      h("td", {}, entry.fault && h("span", { class: "badge" }, word(entry.fault)), entry.warnings.map((each) => h("div", { class: "warning" }, word(each)))));
  }

  async function follow() {
    while (!signal.aborted) {
      try {
        for await (const [type, value] of events(`/requests/live?after=${entries[0]?.id ?? 0}`, signal)) {
          if (type === "emptied") entries = [];
          else if (type === "message") entries = [value, ...entries].slice(0, MOST_SHOWN);
          if (!paused && (type !== "message" || fits(value) || entries.length === 1)) redraw();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused) {
          put(told, alertOf(error));
          return;
        }
        lose();
        return;
      }
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
  }

  async function explain(id) {
    const found = await attempt(told, () => admin("GET", `/requests/${encodeURIComponent(id)}`));
    if (!found || signal.aborted) return;
    why.hidden = false;
    stand(["journal"], changed(pairs, { "~request": id }));
    put(why, h("div", { class: "bar" }, h("h2", { tabindex: "-1" }, `Why request ${found.request.id} was answered ${found.request.status}`), button("Close", () => { why.hidden = true; stand(["journal"], changed(pairs, { "~request": null })); body.querySelector(`[data-entry="${found.request.id}"] button`)?.focus(); })),
      h("ol", { class: "why" }, reasons(found).map((each) => h("li", {}, each))), replay(found), h("h3", {}, "Entry"), json(found.request, "Entry"));
    why.querySelector("h2").focus();
    say(`Request ${found.request.id} was answered ${found.request.status}`, { seen: false });
  }

  function replay({ request, why: told }) {
    const provider = all.find((each) => each.provider === request.provider);
    const caller = provider?.callers.find((each) => each.name === request.caller);
    const asked = { method: request.method, path: request.path + (request.query && `?${request.query}`), headers: caller ? headerOf(provider, caller.credential) : {} };
    const answer = h("div", {});
    return [h("h3", {}, "Again"), request.method === "GET" ? null : h("p", { class: "faint" }, "The journal keeps no bodies: add the one that was sent."),
      snippet(asCurl(asked), "As curl"),
      request.method === "GET" && button("Send it again", async () => {
        try {
          const told = await send(asked);
          put(answer, h("p", {}, `${told.status}`), told.value === undefined ? pre(told.text, "Answer") : json(told.value, "Answer"));
        } catch (error) {
          put(answer, alertOf(error));
        }
      }), told.total !== null && told.page && h("p", {}, h("a", { href: link(["explore", request.provider, request.operation], [...new URLSearchParams(request.query), ...(caller ? [["~as", caller.name]] : [])]) }, "Open it in the explorer")), answer];
  }
}

function filterOf(pairs) {
  const provider = own(pairs, "provider");
  const status = own(pairs, "status");
  const only = own(pairs, "only");
  const text = own(pairs, "text")?.toLowerCase();
  return (entry) => (!provider || entry.provider === provider) && (!status || String(entry.status).startsWith(status))
    && (only !== "warnings" || entry.warnings.length > 0) && (only !== "faults" || entry.fault !== null)
    && (!text || `${entry.path}?${entry.query}`.toLowerCase().includes(text));
}

function reasons({ request, why }) {
  const told = [];
  if (!why.operation) return [`No operation is at ${request.method} ${request.path}.`, ...request.warnings];
  told.push(`It is ${why.operation.id}: ${why.operation.method} ${why.operation.path}.`);
  told.push(why.caller ? `${why.caller} asked.` : "The credential is nobody's, or there was none.");
  if (why.fault) told.push(`A failure was asked for: ${why.fault}.`);
  if (why.scope) told.push(`They may see ${why.scope.documents} documents of ${why.scope.tenant}${why.scope.owner ? `, those of ${why.scope.owner}` : ""}.`);
  for (const each of why.filters) told.push(`${each.parameter} = ${JSON.stringify(each.value)}, on ${each.field}, finds ${each.finds} of them; ${each.left} are left.`);
  if (why.unset.length) told.push(`Not given: ${why.unset.join(", ")}.`);
  if (why.ignored.length) told.push(`Ignored, since the operation does not know it: ${why.ignored.join(", ")}.`);
  if (why.total !== null) told.push(`${why.total} were found${why.page ? `, and ${why.page.rows} of them sent` : ""}.`);
  if (why.page) {
    const { size, offset, number, pages, rows, has_next: more } = why.page;
    const parts = [size !== null && `at most ${size} on a page`, number !== null && `page ${number} of ${pages}`, offset !== null && `from row ${offset + 1} on`, `${rows} rows`, more ? "more follow" : "none follow"];
    told.push(`The page: ${parts.filter(Boolean).join(", ")}.`);
    told.push(`Counted in the world as it is now, ${why.as_of}.`);
  }
  return [...told.map((each) => word(each)), ...request.warnings.map((each) => h("strong", {}, word(each)))];
}

