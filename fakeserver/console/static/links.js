// UI states by link: scenarios, errors, delays and breaks of a list, each as an address to open and to copy.

import { admin, errorsOf, root } from "./api.js";
import { choose } from "./choose.js";
import { copied, h, prose, put, row as cells, table, word } from "./dom.js";
import { compose, fillSegments } from "./request.js";
import { link } from "./route.js";

const SLOW = [["late by 2 s", "delay", "2s"], ["late by 10 s", "delay", "10s"]];
const BROKEN = [["half a body", "fault", "TRUNCATED_BODY"], ["a reset", "fault", "CONNECTION_RESET_BY_PEER"], ["not JSON", "fault", "WRONG_CONTENT_TYPE"], ["a proxy's page", "fault", "HTML_GATEWAY"], ["an answer that never ends", "fault", "STALL"]];

export async function show(place, { parts, signal }) {
  const { provider, operations, operation, bar } = await choose("links", parts, "lists");
  const [first] = provider.callers;
  const [errors, scenarios, segments] = await Promise.all([
    errorsOf(provider.provider, operation.id),
    admin("GET", "/scenarios"),
    fillSegments(provider, operations, operation, first.credential, {}, signal),
  ]);
  if (signal.aborted) return;
  const fits = (each) => each.provider === provider.provider && each.operation === operation.id;
  const row = (name, about, asked) => {
    const pairs = asked.map(([key, value]) => [`__${key}`, value]);
    const address = root + compose(provider, operation, { segments, pairs }).path;
    const text = asked.map(([key, value]) => `${key}=${value}`);
    return cells(h("strong", {}, word(name)),
      h("div", { class: "recipes" }, h("a", { href: link(["explore", provider.provider, operation.id], pairs), "data-state": name, "aria-label": `See it: ${name}` }, "See it"), copied(address, "Address"),
        copied(`Prefer: ${text.join(", ")}`, "Header"), copied(`${first.credential}+${text.join(",")}`, "Credential")), prose(about));
  };
  put(place, h("p", {}, "What a page must be able to show. Each is an address: open it here, or let your application ask by it, with a header, or with a credential."), bar,
    table("UI states", ["state", "ask for it", "what it is"], [
      ...scenarios.filter(fits).map((each) => row(each.scenario, each.description, [["scenario", each.scenario]])),
      ...errors.map((each) => row(`${each.code} ${each.example}`, each.description, [["code", String(each.code)], ["example", each.example]])),
      ...SLOW.map(([name, key, value]) => row(name, "the right answer, later", [[key, value]])),
      ...BROKEN.map(([name, key, value]) => row(name, "an answer that breaks", [[key, value]])),
    ]));
}
