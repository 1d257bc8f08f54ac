// A request before it is sent: the same for the fetch of this page, for curl, for fetch and for Python.

import { ask, root } from "./api.js";
import { tenantFor } from "./spec.js";

export function headerOf(provider, credential) {
  const [name, value] = provider.header.split(": ");
  return { [name]: value.replace("<credential>", () => credential) };
}

export function credentialOf(provider, name) {
  return (provider.callers.find((each) => each.name === name) ?? provider.callers[0]).credential;
}

// `pairs` are the query as it is written, in order; `segments` the parameters of the path.
export function compose(provider, operation, { segments, pairs = [], headers = {}, body, type }) {
  const path = operation.path.replaceAll(/\{([^}]+)\}/g, (_, name) => encodeURIComponent(segments[name] ?? ""));
  const query = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return {
    method: operation.method,
    path: `${provider.base_path}${path}${query && `?${query}`}`,
    headers: body === undefined ? headers : { ...headers, "Content-Type": type },
    body,
  };
}

const MOST_BYTES = 10_000_000;

export function send(request, signal) {
  return ask(request.path, { ...request, signal, most: MOST_BYTES });
}

// What is in a path: what is known, or the default tenant, or the first that a list of it has.
export async function fillSegments(provider, operations, operation, credential, known, signal) {
  const filled = { ...known };
  for (const { name } of operation.segments) {
    if (name in filled) continue;
    const tenant = tenantFor(name, provider);
    if (tenant !== undefined) {
      filled[name] = tenant;
      continue;
    }
    const before = operation.path.slice(0, operation.path.indexOf(`{${name}}`)).replace(/\/$/, "");
    const list = operations.find((each) => each.method === "GET" && each.path === before);
    if (!list) continue;
    const first = await send(compose(provider, list, { segments: filled, headers: headerOf(provider, credential) }), signal);
    const found = Array.isArray(first.value) ? first.value[0] : Object.values(first.value ?? {}).find(Array.isArray)?.[0];
    const value = found?.[name] ?? found?.[provider.identity] ?? found?.id;
    if (value !== undefined) filled[name] = String(value);
  }
  return filled;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function asCurl({ method, path, headers, body }) {
  return ["curl -s", method === "GET" ? "" : `-X ${method}`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    body === undefined ? "" : `--data-raw ${quoted(body)}`,
    quoted(root + path)].filter(Boolean).join(" ");
}

export function asFetch({ method, path, headers, body }) {
  const options = { method, headers, body };
  if (method === "GET") delete options.method;
  return `const response = await fetch(${JSON.stringify(root + path)}, ${JSON.stringify(options, null, 2)});\n`
    + "console.log(response.status, await response.json());";
}

const python = (value) => JSON.stringify(value).replaceAll(/\bnull\b/g, "None");

// The provider's own SDK where its sample has the operation and every parameter, otherwise plain HTTP.
export function asPython(provider, operation, { method, path, headers, body }, pairs, segments, credential) {
  const sample = provider.samples[operation.id];
  const asked = [...Object.entries(segments ?? {}), ...pairs];
  const unsaid = sample && asked.find(([name]) => !argumentOf(sample, operation, name));
  if (sample && !unsaid && body === undefined) return withSdk(provider, operation, sample, asked, credential);
  const lines = sample ? [`# The SDK has no argument for ${unsaid?.[0] ?? "this"}.`] : [];
  return [...lines, "import json", "import urllib.request", "",
    "request = urllib.request.Request(",
    `    ${python(root + path)},`,
    `    method=${python(method)},`,
    `    headers=${python(headers)},`,
    ...(body === undefined ? [] : [`    data=${python(body)}.encode(),`]),
    ")", "with urllib.request.urlopen(request) as response:", "    print(json.load(response))"].join("\n");
}

function argumentOf(sample, operation, name) {
  const declared = operation.parameters.find((each) => each.name === name || name.startsWith(`${each.name}.`));
  return declared && sample.arguments[declared.name] !== undefined ? declared : undefined;
}

function withSdk(provider, operation, sample, asked, credential) {
  const given = new Map();
  for (const [name, value] of asked) {
    const declared = argumentOf(sample, operation, name);
    const to = sample.arguments[declared.name];
    const type = declared.schema?.type;
    if (type === "object") given.set(to, { ...given.get(to), [name.slice(declared.name.length + 1)]: value });
    else if (type === "array" && sample.lists.includes(declared.name)) given.set(to, [...(given.get(to) ?? []), value]);
    else if (type === "integer") given.set(to, Number(value));
    else if (declared.content) given.set(to, parsed(value));
    else given.set(to, value);
  }
  const text = [...given].map(([name, value]) => (name ? `${name}=${python(value)}` : python(value))).join(", ");
  return sample.code.replaceAll("{arguments}, )", () => `${text})`).replaceAll("{arguments}, ", () => text && `${text}, `)
    .replaceAll("{base_url}", () => `${root}${provider.base_path}`)
    .replaceAll("{key}", () => credential);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
