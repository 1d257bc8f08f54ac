// Worlds: the namespaces, and this one's settings, documents, snapshot and way back.

import { admin, namespace, providers } from "./api.js";
import { attempt, button, field, form, h, put, row as cells, say, select, table, word } from "./dom.js";
import { link } from "./route.js";

const MOST_SHOWN = 100;
const TRANSITIONS = ["immediate", "clock", "manual"];
const LIMITS = ["default", "enforced", "off"];

export async function show(place, { signal }) {
  const [found, settings, all, scenarios] = await Promise.all([admin("GET", "/namespaces"), admin("GET", "/settings"), providers(), admin("GET", "/scenarios")]);
  if (signal.aborted) return;
  const told = h("div", {});
  const list = h("div", {});
  const name = h("input", { pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}", maxlength: "64", required: true });
  const sought = h("input", { type: "search", input: () => redraw() });
  let names = found.namespaces.toReversed();
  const change = (body, words) => attempt(told, async () => { await admin("PUT", "/settings", body); say(words); });
  put(place, told,
    h("h2", {}, `This world: ${namespace || "the one at the root"}`),
    h("div", { class: "bar" }, resetButton(), button("Take a snapshot", take), restoreControl()),
    h("p", { class: "links" }, "Documents: ", all.flatMap((each) => each.tenants.map((tenant) => h("a", { href: link(["documents", each.provider, tenant]) }, `${each.provider} ${tenant}`)))),
    h("h3", {}, "Settings"),
    h("div", { class: "bar" }, field("Passing states end", select(TRANSITIONS, settings.transitions, (value) => change({ transitions: value }, `Passing states end: ${value}`)))),
    all.map(({ provider: slug, switches }) => h("div", { class: "bar", role: "group", "aria-label": `Settings of ${slug}` },
      slug in settings.rate_limits && field(`Rate limits of ${slug}`, select(LIMITS, settings.rate_limits[slug], (value) => change({ rate_limits: { [slug]: value } }, `Rate limits of ${slug}: ${value}`))),
      field(`Lists of ${slug} show`, select([["", "its documents"], ...new Set(scenarios.filter((row) => row.provider === slug).map((row) => row.scenario))],
        settings.scenarios[slug] ?? "", (value) => change({ scenarios: { [slug]: value || null } }, `Lists of ${slug} show ${value || "its documents"}`))),
      Object.entries(switches).map(([key, choices]) =>
        field(`${slug}: ${key}`, select(choices, String(settings.switches[slug][key]), (value) => change({ switches: { [slug]: { [key]: value } } }, `${key}: ${value}`)))))),
    h("h2", {}, "Namespaces"),
    form(() => { location.assign(`/ns/${encodeURIComponent(name.value)}/`); }, h("div", { class: "bar" }, field("Open, or make anew", name, "letters, digits, dots, dashes and underscores"), h("button", {}, "Open"))),
    h("div", { class: "bar" }, field("Find", sought)), list);
  redraw();

  function redraw() {
    const fit = names.filter((each) => each.name.toLowerCase().includes(sought.value.toLowerCase()));
    put(list, h("p", { class: "faint" }, `${fit.length} of ${names.length} namespaces`), fit.length > 0 && table("Namespaces", ["name", "changed", ""], fit.slice(0, MOST_SHOWN).map((each) =>
      cells(h("a", { href: `/ns/${encodeURIComponent(each.name)}/` }, word(each.name)), each.touched ? "yes" : "no",
        button("Forget", () => attempt(told, async () => {
          await admin("DELETE", `/namespaces/${encodeURIComponent(each.name)}`);
          names = names.filter((other) => other !== each);
          say(`${each.name} is forgotten`);
          redraw();
        }), { "aria-label": `Forget ${each.name}` })))),
    fit.length > MOST_SHOWN && h("p", { class: "faint" }, `The first ${MOST_SHOWN} are shown; find others by their name.`));
  }

  function resetButton() {
    let sure = false;
    return button("Reset", (event) => {
      if (!sure) {
        sure = true;
        event.target.textContent = "Reset everything in this world?";
        return;
      }
      attempt(told, async () => {
        await admin("POST", "/reset");
        say("Back to the seed.");
        window.dispatchEvent(new Event("back"));
      });
    });
  }

  async function take() {
    const taken = await attempt(told, () => admin("GET", "/snapshot"));
    if (!taken) return;
    const address = URL.createObjectURL(new Blob([JSON.stringify(taken)], { type: "application/json" }));
    const to = h("a", { href: address, download: `${namespace || "root"}.snapshot.json` });
    to.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    say("The snapshot is among the downloads.");
  }

  function restoreControl() {
    const input = h("input", { type: "file", accept: "application/json,.json", change: () => attempt(told, async () => {
      await admin("PUT", "/snapshot", await input.files[0].text());
      say("The world is what it was.");
      window.dispatchEvent(new Event("back"));
    }) });
    return field("Put a snapshot back", input);
  }
}
