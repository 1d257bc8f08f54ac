// Elements from plain values. A text becomes a text node and nothing else: no string is ever read as HTML, so whatever
// documents, headers and names hold is shown as it is. The page's policy (Trusted Types) holds every module to that.

const SAFE = /^(#|\/(?!\/)|blob:)/;
const LONGEST_CELL = 160;
const LONGEST_TOKEN = 40;
const SAID_MILLISECONDS = 5000;

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "value") element.value = value;
    else if (name === "checked") element.checked = value;
    else if (name === "href" && !SAFE.test(value)) throw new Error("a link leads nowhere else");
    else if (/^(on|style|src)/.test(name)) throw new Error(`${name} is not for this`);
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) element.append(child);
  }
}

export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

let named = 0;

// A control with its label, whatever else stands beside it.
export function field(label, control, hint) {
  control.id ||= `field-${(named += 1)}`;
  const told = hint && h("small", { id: `${control.id}-hint` }, hint);
  if (told) control.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, told);
}

export function select(options, chosen, onchange, attributes) {
  const made = h("select", { ...attributes, change: () => onchange?.(made.value) });
  for (const each of options) {
    const [value, text] = Array.isArray(each) ? each : [each, each];
    made.append(h("option", { value }, text));
  }
  made.value = chosen ?? "";
  return made;
}

export function button(text, click, attributes) {
  return h("button", { type: "button", click, ...attributes }, text);
}

export function form(submit, ...children) {
  return h("form", { submit: (event) => { event.preventDefault(); submit(event); } }, ...children);
}

export function table(caption, heads, rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows)));
}

export function row(...cells) {
  return h("tr", {}, cells.map((each) => h("td", {}, each)));
}

// A text by itself: what it does to the direction of writing ends with it.
export function word(text) {
  const whole = String(text);
  if (whole.length <= LONGEST_CELL) return h("bdi", { class: whole.length <= LONGEST_TOKEN && !/\s/.test(whole) ? "token" : undefined }, whole);
  return h("bdi", { title: whole.slice(0, 1000) }, `${whole.slice(0, LONGEST_CELL)}… (${whole.length} characters)`);
}

// A text of a specification, whole.
export function prose(text) {
  return h("bdi", {}, text);
}

export function shown(value) {
  if (value === undefined) return h("span", { class: "faint" }, "absent");
  if (value === null) return h("span", { class: "faint" }, "null");
  return word(typeof value === "object" ? JSON.stringify(value) : value);
}

export function pre(text, label) {
  return h("pre", { tabindex: "0", role: "group", "aria-label": label }, text);
}

export function json(value, label) {
  return pre(JSON.stringify(value, null, 2), label);
}

let fading;

// Told to whoever listens, and shown for a moment unless it is seen on the page anyway.
export function say(text, { seen = true } = {}) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.classList.toggle("away", !seen);
  clearTimeout(fading);
  fading = setTimeout(() => { place.textContent = ""; }, SAID_MILLISECONDS);
}

export function copied(text, label = "Copy") {
  const made = button(label, async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without leave for the clipboard, or on a page that is no secure context.
      const area = h("textarea", { value: text, class: "away", "aria-hidden": "true" });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      made.focus();
    }
    say(`Copied: ${text.slice(0, 80)}`);
    made.textContent = "Copied";
    setTimeout(() => { made.textContent = label; }, 1500);
  }, { class: "copy", "aria-label": `${label}: ${text.slice(0, 80)}` });
  return made;
}

// Text to take along, with its button.
export function snippet(text, label) {
  return h("div", { class: "snippet" }, pre(text, label), copied(text));
}

export function alertOf(error) {
  const lines = (error.errors ?? []).map((each) =>
    h("li", {}, word(`${each.document === undefined ? "" : `document ${each.document}: `}${each.field}: ${each.detail}`)));
  return h("div", { role: "alert", class: "alert" }, h("p", {}, word(error.message)), lines.length > 1 && h("ul", {}, lines));
}

// What may fail: its refusal is shown at a place, instead of being lost.
export async function attempt(place, work) {
  try {
    const result = await work();
    put(place);
    return result;
  } catch (error) {
    put(place, alertOf(error));
    return undefined;
  }
}
