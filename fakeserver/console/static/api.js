// The public endpoints: the providers' APIs and the admin API of the world that the page's path names.

import { h, put, say } from "./dom.js";

const TOKEN = "fakeserver-admin-token";
const RETRY_MILLISECONDS = 1000;

const inside = location.pathname.match(/^\/ns\/([^/]+)/);
export const namespace = inside ? decodeURIComponent(inside[1]) : "";
export const prefix = inside ? `/ns/${inside[1]}` : "";
export const root = `${location.origin}${prefix}`;

export class Lost extends Error {}

export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `The server answered ${status}`);
    this.status = status;
    this.errors = problem?.errors;
  }
}

// Of an answer longer than `most` bytes the page reads no further: it could not show it, and would not survive it.
export async function ask(path, { method = "GET", headers = {}, body, signal, most = Infinity } = {}) {
  const started = performance.now();
  let response;
  let text;
  try {
    response = await fetch(`${prefix}${path}`, { method, headers, body, signal, cache: "no-store", redirect: "manual" });
    text = most === Infinity ? await response.text() : await readUpTo(response, most);
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Refused) throw error;
    throw new Lost(`No whole answer came: ${error.message}. Either a fault broke it off, or the server is gone.`);
  }
  const told = { status: response.status, headers: Object.fromEntries(response.headers), text };
  told.milliseconds = performance.now() - started;
  try {
    told.value = JSON.parse(text);
  } catch {
    told.value = undefined;
  }
  return told;
}

async function readUpTo(response, most) {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for (const reader = response.body?.getReader(); reader;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    text += decoder.decode(value, { stream: true });
    if (length > most) {
      await reader.cancel();
      throw new Refused(response.status, { detail: `The answer is longer than ${most / 1e6} MB, and was read no further: ask for less of it.` });
    }
  }
  return text + decoder.decode();
}

export function tokenHeaders() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// A call of the admin API: its value, or a refusal with every field that is wrong.
export async function admin(method, path, body) {
  const headers = tokenHeaders();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const sent = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await ask(`/__admin${path}`, { method, headers, body: sent });
  } catch (error) {
    if (error instanceof Lost) lose();
    throw error;
  }
  if (answer.status === 401) {
    askForToken();
    throw new Refused(401, { detail: "The server has an admin token: give it above" });
  }
  if (answer.status >= 400) throw new Refused(answer.status, answer.value);
  return answer.value;
}

function askForToken() {
  const place = document.getElementById("lost");
  const input = h("input", { type: "password", "aria-label": "Admin token", autocomplete: "off" });
  place.hidden = false;
  put(place, "This server has an admin token: ", h("form", {
    submit: (event) => {
      event.preventDefault();
      sessionStorage.setItem(TOKEN, input.value);
      location.reload();
    },
  }, input, h("button", {}, "Use it")));
  input.focus();
}

// A server that does not answer is looked for until it does; what is on the page is then shown anew.
let losing = false;
let known;

export async function lose() {
  if (losing) return;
  losing = true;
  const place = document.getElementById("lost");
  place.hidden = false;
  put(place, "The server does not answer. The page goes on by itself as soon as it is back.");
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, RETRY_MILLISECONDS); });
    const back = await health();
    if (back) {
      const anew = known && back.epoch !== known.epoch;
      known = back;
      losing = false;
      cache.clear();
      place.hidden = true;
      put(place);
      say(anew ? "The server is back. It was started anew: what was changed in it is gone." : "The server is back.");
      window.dispatchEvent(new Event("back"));
      return;
    }
  }
}

async function health() {
  try {
    return (await ask("/__admin/health")).value;
  } catch {
    return undefined;
  }
}

const cache = new Map();

function once(name, load) {
  if (!cache.has(name)) {
    const loading = load();
    cache.set(name, loading);
    loading.catch(() => cache.delete(name));
  }
  return cache.get(name);
}

export const providers = () => once("providers", async () => {
  known ??= await health();
  return (await admin("GET", "/providers")).providers;
});
export const errorsOf = (slug, operation) => once(`errors ${slug} ${operation}`, () =>
  admin("GET", `/errors?provider=${encodeURIComponent(slug)}&operation=${encodeURIComponent(operation)}`));
export const healthOf = () => admin("GET", "/health");

export async function providerOf(slug) {
  const found = (await providers()).find((each) => each.provider === slug);
  if (!found) throw new Refused(404, { detail: `No provider is called ${slug}` });
  return found;
}

export const specOf = (slug) => once(`spec ${slug}`, async () => {
  const answer = await ask(`/${slug}/openapi.json`);
  if (answer.status !== 200) throw new Refused(answer.status, answer.value);
  return answer.value;
});

// Events of a stream as they come: [type, value].
export async function* events(path, signal) {
  const response = await fetch(`${prefix}/__admin${path}`, { headers: tokenHeaders(), signal, cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => undefined));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
      const fields = Object.fromEntries(lines);
      if (fields.data) yield [fields.event ?? "message", JSON.parse(fields.data)];
    }
  }
}
