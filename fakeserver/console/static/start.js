// Where each provider answers, and with what: lines to copy.

import { healthOf, prefix, providers, root } from "./api.js";
import { h, put, snippet, table, row, word, copied } from "./dom.js";
import { asCurl, headerOf } from "./request.js";
import { link } from "./route.js";

export async function show(place, { signal }) {
  const [found, health] = await Promise.all([providers(), healthOf()]);
  if (signal.aborted) return;
  put(place,
    h("p", {}, "The APIs of sandbox providers, on this machine. Point an SDK at a base URL, with any of its credentials. ",
      h("span", { class: "faint" }, `Version ${health.version}, seed ${health.seed}, ${health.size} documents per provider.`)),
    h("div", { class: "cards" }, found.map(card)));
}

function card(provider) {
  const slug = provider.provider;
  const baseUrl = `${root}${provider.base_path}`;
  const [first] = provider.callers;
  const fill = (text) => text.replaceAll("{base_url}", () => baseUrl).replaceAll("{key}", () => first.credential);
  const exports = Object.entries(provider.environment).map(([name, value]) => `export ${name}='${fill(value)}'`).join("\n");
  const list = provider.operations.find((each) => each.meaning === "listing");
  const request = { method: "GET", path: `${provider.base_path}${provider.try}`, headers: headerOf(provider, first.credential) };
  return h("section", { class: "card", "aria-labelledby": `of-${slug}` },
    h("h2", { id: `of-${slug}` }, slug),
    h("p", { class: "links" },
      list && h("a", { href: link(["explore", slug, list.id]) }, "Explore"),
      h("a", { href: link(["failures", slug, list?.id ?? ""]) }, "Make it fail"),
      h("a", { href: `${prefix}/${slug}/docs` }, "API reference"),
      h("a", { href: `${prefix}/${slug}/openapi.yaml` }, "OpenAPI")),
    h("h3", {}, "Base URL"), snippet(baseUrl, `Base URL of ${slug}`),
    h("h3", {}, "Credentials"),
    table(`Credentials of ${slug}`, ["credential", "who", ""], provider.callers.map((each) =>
      row(h("code", {}, each.credential), word(`${each.name}, of ${Object.entries(each.tenants).map(([tenant, role]) => `${tenant} (${role})`).join(", ") || "no tenant"}`),
        copied(each.credential)))),
    h("h3", {}, "For its SDK"), snippet(exports, `Variables for the SDK of ${slug}`),
    provider.note && h("p", { class: "faint" }, h("bdi", {}, fill(provider.note))),
    h("h3", {}, "In a shell"),
    snippet(`eval "$(fakeserver env ${slug} --base-url ${baseUrl})"`, `fakeserver env for ${slug}`),
    snippet(`fakeserver run ${slug} --url ${root} -- python app.py`, `fakeserver run for ${slug}`),
    snippet(asCurl(request), `A request to ${slug}`));
}
