// Handlers for Mock Service Worker: `setupWorker(...handlers(url))` in a browser, `setupServer(...handlers(url))` in Node 22.

import { http, type HttpHandler } from "msw";

import { documents } from "./documents.js";
import { Engine } from "./engine.js";
import { table } from "./table.js";

/** Handlers that answer for the provider at this base URL, which is what its SDK is pointed at. */
export function handlers(baseUrl = `http://127.0.0.1:8000/${table.provider}`): HttpHandler[] {
  const base = baseUrl.replace(/\/+$/, "");
  const prefix = new URL(base).pathname.replace(/\/$/, "");
  const engine = new Engine(table, documents, prefix);
  return [http.all(`${base}/*`, ({ request }) => engine.answer(request))];
}
