// One control for each parameter of the query, made from its specification. A control reads the pairs of the query and
// tells which pairs stand in their place when it changes.

import { button, field, h, word } from "./dom.js";

let lists = 0;

// `change` is told the pairs of this parameter by name: {status: "RUNNING"}, or null for none.
export function control(parameter, pairs, change, known = []) {
  const { name, schema = {} } = parameter;
  const values = pairs.filter(([each]) => each === name).map(([, value]) => value);
  const items = schema.type === "array" ? schema.items ?? {} : undefined;
  if (parameter.content) return jsonControl(parameter, values[0], change);
  if (schema.type === "object") return pairsControl(parameter, pairs, change);
  if (items?.enum) return chips(parameter, items.enum, split(parameter, values), (chosen) => change({ [name]: join(parameter, chosen) }), true);
  if (schema.enum) return chips(parameter, schema.enum, values, (chosen) => change({ [name]: chosen[0] ?? null }));
  if (schema.type === "boolean") return chips(parameter, ["true", "false"], values, (chosen) => change({ [name]: chosen[0] ?? null }));
  if (items) return wordsControl(parameter, split(parameter, values), change, known);
  return textControl(parameter, values[0], change, known);
}

const separate = (parameter) => parameter.explode !== false;
const split = (parameter, values) => (separate(parameter) ? values : values.flatMap((each) => each.split(","))).filter(Boolean);
const join = (parameter, values) => (values.length === 0 ? null : separate(parameter) ? values : values.join(","));

function chips({ name }, options, chosen, change, several = false) {
  const made = options.map((each) => {
    const value = String(each);
    const pressed = chosen.includes(value);
    return button(value, () => {
      if (several) change(pressed ? chosen.filter((other) => other !== value) : [...chosen, value]);
      else change(pressed ? [] : [value]);
    }, { class: "chip", "aria-pressed": String(pressed), "data-parameter": name, "data-value": value });
  });
  return h("fieldset", { class: "field" }, h("legend", {}, name), h("div", { class: "chips" }, made));
}

function picker(known) {
  if (known.length === 0) return [undefined, undefined];
  const id = `known-${(lists += 1)}`;
  return [id, h("datalist", { id }, known.slice(0, 100).map((value) => h("option", { value })))];
}

function wordsControl(parameter, values, change, known) {
  const { name } = parameter;
  const [list, options] = picker(known.filter((each) => !values.includes(each)));
  const input = h("input", { list, "data-parameter": name, autocomplete: "off", change: () => {
    if (input.value) change({ [name]: join(parameter, [...values, input.value]) });
  } });
  const chosen = values.map((value, index) => button(`${value} ✕`, () =>
    change({ [name]: join(parameter, values.filter((_, other) => other !== index)) }),
  { class: "chip", "aria-label": `${value} ✕: take it away from ${name}` }));
  return h("div", {}, field(name, input, "one more, all of them must fit"), options, h("div", { class: "chips" }, chosen));
}

function pairsControl(parameter, pairs, change) {
  const pattern = Object.keys(parameter.schema.patternProperties ?? {})[0];
  const start = pattern ? pattern.replace(/^\^/, "").replace(/\.\+\$$/, "").replaceAll("\\", "") : "";
  const mine = pairs.filter(([name]) => start && name.startsWith(start));
  const rename = (kept) => change({
    ...Object.fromEntries(mine.map(([name]) => [name, null])), ...Object.fromEntries(kept),
  });
  const key = h("input", { "aria-label": `${parameter.name}: key`, placeholder: "key", "data-parameter": parameter.name, "data-part": "key" });
  const value = h("input", { "aria-label": `${parameter.name}: value`, placeholder: "value", "data-parameter": parameter.name, "data-part": "value" });
  const add = button("Add", () => { if (key.value) rename([...mine, [start + key.value, value.value]]); }, { "data-add": parameter.name });
  const chosen = mine.map(([name, text], index) => button(`${name.slice(start.length)} = ${text} ✕`, () =>
    rename(mine.filter((_, other) => other !== index)), { class: "chip", "aria-label": `${name.slice(start.length)} = ${text} ✕: take it away` }));
  return h("fieldset", { class: "field" }, h("legend", {}, parameter.name),
    h("div", { class: "pair" }, key, "=", value, add), h("div", { class: "chips" }, chosen));
}

function jsonControl({ name }, value = "", change) {
  const told = h("small", {});
  const area = h("textarea", { rows: "3", spellcheck: "false", value, "data-parameter": name, input: check, change: () =>
    change({ [name]: area.value.trim() === "" ? null : area.value }) });
  function check() {
    told.textContent = "";
    if (area.value.trim() === "") return;
    try {
      JSON.parse(area.value);
    } catch (error) {
      told.replaceChildren(word(`No JSON yet: ${error.message}`));
    }
  }
  check();
  return h("div", {}, field(`${name} (JSON)`, area, '{"env": "prod"}'), told);
}

function textControl(parameter, value = "", change, known) {
  const { name, schema = {} } = parameter;
  const [list, options] = picker(known);
  const number = schema.type === "integer" || schema.type === "number";
  const input = h("input", {
    value, list, "data-parameter": name, autocomplete: "off", inputmode: number ? "numeric" : undefined,
    placeholder: schema.default === undefined ? undefined : String(schema.default),
    change: () => change({ [name]: input.value === "" ? null : input.value }),
  });
  return h("div", {}, field(name, input), options);
}
