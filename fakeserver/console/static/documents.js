// A tenant's documents as JSON: read, checked against the specification by the server, and stored.

import { admin, healthOf, providers } from "./api.js";
import { attempt, button, field, h, put, say, select } from "./dom.js";
import { go, link } from "./route.js";

const MOST_LOADED = 5000;

export async function show(place, { parts, signal }) {
  const [all, health] = await Promise.all([providers(), healthOf()]);
  if (signal.aborted) return;
  const provider = all.find((each) => each.provider === parts[0]) ?? all[0];
  const tenant = provider.tenants.includes(parts[1]) ? parts[1] : provider.default_tenant;
  const path = `/documents/${provider.provider}/${encodeURIComponent(tenant)}`;
  const told = h("div", {});
  const area = h("textarea", { rows: "24", spellcheck: "false", value: "[]" });
  const large = health.size > MOST_LOADED;
  const store = (method, words) => attempt(told, async () => {
    let count;
    try {
      count = JSON.parse(area.value).length;
    } catch (error) {
      throw new Error(`This is no JSON: ${error.message}`);
    }
    await admin(method, path, area.value);
    say(`${words}: ${count}`);
    put(told, h("p", { class: "good" }, `${words}: ${count}`));
    return true;
  }).then((done) => done && put(told, h("p", { class: "good", role: "status" }, words)));
  put(place, h("div", { class: "bar" },
    field("Provider", select(all.map((each) => each.provider), provider.provider, (slug) => go(["documents", slug], []))),
    field("Tenant", select(provider.tenants, tenant, (name) => go(["documents", provider.provider, name], []))),
    h("a", { href: link(["worlds"]) }, "Back to the worlds")),
  h("div", { class: "bar" },
    button("Load all", () => attempt(told, async () => { area.value = JSON.stringify(await admin("GET", path), null, 2); say("Loaded."); }), { disabled: large }),
    button("Add these", () => store("POST", "Added")),
    button("Replace those with these ids", () => store("PATCH", "Replaced")),
    button("Have exactly these", () => store("PUT", "These are all there are"))),
  large && h("p", {}, `This world has ${health.size} documents per provider, more than a page can hold: look for one in the explorer, and change it there.`),
  told, field("Documents", area, "a JSON array in the provider's own shape"));
}
