// What a specification says of its operations, as the screens need it.

export function resolve(spec, node) {
  let found = node;
  for (let depth = 0; found && found.$ref && depth < 16; depth += 1) {
    found = found.$ref.slice(2).split("/").reduce((at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], spec);
  }
  return found ?? {};
}

const METHODS = ["get", "post", "put", "patch", "delete"];

export function operationsOf(spec, provider) {
  const served = new Map(provider.operations.map((each) => [each.id, each]));
  const found = [];
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const method of METHODS) {
      const raw = methods[method];
      const known = raw && served.get(raw.operationId);
      if (!known) continue;
      const parameters = [...(methods.parameters ?? []), ...(raw.parameters ?? [])].map((each) => resolve(spec, each));
      found.push({
        id: raw.operationId, method: method.toUpperCase(), path, parameters, raw,
        summary: raw.summary ?? "", outcomes: known.outcomes, meaning: known.meaning,
        query: parameters.filter((each) => each.in === "query"),
        segments: parameters.filter((each) => each.in === "path"),
        heads: parameters.filter((each) => each.in === "header"),
        body: bodyOf(spec, raw),
        security: raw.security ?? spec.security ?? [],
      });
    }
  }
  return found;
}

// Lists are what answers with rows: an array of objects, or an object that holds one; what a path names is one thing.
export function listsOf(spec, operations) {
  const lists = [];
  for (const each of operations) {
    const items = each.method === "GET" && each.meaning !== "facets" && !each.path.endsWith("}") && itemsOf(spec, successOf(spec, each));
    if (items !== undefined && items !== false) lists.push({ ...each, items });
  }
  return lists.sort((one, other) => (other.meaning === "listing") - (one.meaning === "listing"));
}

export function successOf(spec, operation) {
  const status = Object.keys(operation.raw.responses).find((each) => each.startsWith("2"));
  const content = resolve(spec, operation.raw.responses[status]).content ?? {};
  return resolve(spec, content["application/json"]?.schema);
}

function isRows(spec, schema) {
  const whole = resolve(spec, schema);
  if (whole.type !== "array") return false;
  const items = resolve(spec, whole.items);
  return items.type === "object" || Boolean(items.properties);
}

// The member with the rows: null for a bare array, undefined where there are none.
function itemsOf(spec, schema) {
  if (isRows(spec, schema)) return null;
  const found = Object.entries(schema.properties ?? {}).filter(([, each]) => isRows(spec, each)).map(([name]) => name);
  return found.length === 1 ? found[0] : undefined;
}

export function rowsOf(list, value) {
  const rows = list.items === null ? value : value?.[list.items];
  return Array.isArray(rows) ? rows : [];
}

function bodyOf(spec, raw) {
  if (!raw.requestBody) return undefined;
  const body = resolve(spec, raw.requestBody);
  const content = body.content ?? {};
  const type = "application/json" in content ? "application/json" : Object.keys(content)[0];
  const media = content[type] ?? {};
  const example = Object.values(media.examples ?? {}).map((each) => resolve(spec, each).value)[0] ?? media.example;
  const schema = resolve(spec, media.schema);
  return { type, schema, required: Boolean(body.required), example: example ?? sample(spec, schema) };
}

// The least that a schema asks for.
export function sample(spec, node, depth = 0) {
  const schema = resolve(spec, node);
  if (depth > 6) return null;
  if (schema.default !== undefined) return schema.default;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if ("const" in schema) return schema.const;
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice) return sample(spec, choice[0], depth + 1);
  const type = [].concat(schema.type ?? (schema.properties ? "object" : "string"))[0];
  if (type === "object") {
    const names = schema.required ?? [];
    return Object.fromEntries(names.map((name) => [name, sample(spec, schema.properties?.[name] ?? {}, depth + 1)]));
  }
  if (type === "array") return [];
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "boolean") return false;
  return type === "null" ? null : "text";
}

// How a list is paged, by the names of its parameters.
export function pagingOf(list) {
  const names = new Map(list.query.map((each) => [each.name.toLowerCase(), each.name]));
  const named = (pattern) => [...names].find(([name]) => pattern.test(name))?.[1];
  const size = named(/^(limit|per_?page|page_?size|first)$/);
  const cursor = named(/cursor|token|^after$/);
  const number = names.get("page");
  const offset = named(/^(offset|skip)$/);
  const style = cursor ? "cursor" : number ? "page" : offset ? "offset" : size ? "first" : "whole";
  return { style, size, cursor, number, offset, names: [size, cursor, number, offset].filter(Boolean) };
}

// What a part of a path is where nobody says: an org, a team or an account is the provider's first tenant.
export const tenantFor = (name, provider) => (/^(org|team|tenant|account)/.test(name) ? provider.default_tenant : undefined);

const plain = (name) => name.replaceAll(/[_-]/g, "").toLowerCase();

// What a row says of a parameter: the field of its name, or its id where the parameter is one.
export function valueFor(name, row, identity, base = {}) {
  if (name in base) return base[name];
  const fits = Object.entries(row ?? {}).find(([each]) => plain(each) === plain(name));
  if (fits && (typeof fits[1] === "string" || typeof fits[1] === "number")) return String(fits[1]);
  const own = row?.[identity] ?? row?.id;
  return /id$/i.test(name) && own !== undefined ? String(own) : undefined;
}
