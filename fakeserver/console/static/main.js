// The console: which view an address means, and the way from one to the next.

import { lose, Lost, namespace } from "./api.js";
import { alertOf, h, put } from "./dom.js";
import { link, read } from "./route.js";

// By name: the title and the module, which is loaded when the view is first seen.
const VIEWS = {
  start: ["Start", () => import("./start.js")],
  explore: ["Explore", () => import("./explore.js")],
  failures: ["Failures", () => import("./failures.js")],
  links: ["UI states", () => import("./links.js")],
  journal: ["Journal", () => import("./journal.js")],
  clock: ["Clock", () => import("./clock.js")],
  worlds: ["Worlds", () => import("./worlds.js")],
  documents: ["Documents", () => import("./documents.js")],
  call: ["Call", () => import("./call.js")],
};
const BESIDE = ["documents", "call"];

let leave;
let shownPath;

async function show() {
  const { parts, pairs } = read();
  const name = parts[0] in VIEWS ? parts[0] : "start";
  const [title, load] = VIEWS[name];
  const main = document.getElementById("main");
  const path = parts.slice(0, 3).join("/");
  const fresh = path !== shownPath;
  shownPath = path;
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  for (const each of document.querySelectorAll("#nav a")) {
    if (each.dataset.view === name) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  document.title = `${title}${namespace && ` · ${namespace}`} · fakeserver`;
  const heading = h("h1", { tabindex: "-1" }, title);
  const place = h("div", {});
  if (fresh) {
    put(main, heading, place);
    if (parts.length) heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  const target = fresh ? place : main.lastElementChild;
  try {
    const { show: view } = await load().catch(() => {
      throw new Lost("A part of the page did not come. If the server is another version by now, load the page anew.");
    });
    if (!signal.aborted) await view(target, { parts: parts.slice(1), pairs, signal });
  } catch (error) {
    if (signal.aborted) return;
    put(target, alertOf(error));
    if (error instanceof Lost) lose();
    else console.error(error);
  }
}

put(document.getElementById("world"), namespace ? h("span", { class: "badge" }, h("bdi", {}, namespace)) : "");
put(document.getElementById("nav"), h("ul", {}, Object.entries(VIEWS).filter(([name]) => !BESIDE.includes(name)).map(([name, [title]]) =>
  h("li", {}, h("a", { href: name === "start" ? "#/" : link([name]), "data-view": name }, title)))));
window.addEventListener("hashchange", show);
window.addEventListener("back", () => { shownPath = undefined; show(); });
show();
