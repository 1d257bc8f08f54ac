// Handlers for Mock Service Worker: `setupWorker(...handlers(url))` in a browser, `setupServer(...handlers(url))` in Node 22.

import { http, type HttpHandler } from "msw";

import { documents } from "./documents.js";
import { serve, type Options } from "./engine.js";
import { calls, functions } from "./functions.js";
import { parts } from "./parts.js";
import { scenarios } from "./scenarios.js";
import { table } from "./table.js";

/** Handlers that answer for the provider at this base URL, which is what its SDK is pointed at. What is created there
 * lasts as long as they do. */
export function handlers(baseUrl = `http://127.0.0.1:8000/${table.provider}`, options: Options = {}): HttpHandler[] {
  const base = baseUrl.replace(/\/+$/, "");
  const answer = serve(table, functions, calls, parts, documents, scenarios, base, options);
  return [http.all(`${base}/*`, ({ request }) => answer(request))];
}
