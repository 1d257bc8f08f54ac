// The reference of one API: Swagger UI over the specification beside this page, with the first caller's credential, and
// in paths the tenant that it belongs to.

import { prefix, providerOf } from "./api.js";
import { resolve, tenantFor } from "./spec.js";

const slug = location.pathname.slice(prefix.length).split("/")[1];
document.title = `${slug} · API reference`;
document.getElementById("home").setAttribute("href", `${prefix}/`);
const dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", shade);
shade();

const provider = await providerOf(slug).catch(() => undefined);
const address = `${prefix}/${slug}/openapi.json`;

// The specification as it is shown: the viewer fills a form in from examples.
function filled(spec) {
  for (const item of Object.values(spec.paths)) {
    for (const { parameters } of [item, ...Object.values(item)]) {
      for (const each of parameters ?? []) {
        const declared = resolve(spec, each);
        const tenant = declared.in === "path" && provider && tenantFor(declared.name, provider);
        if (tenant) declared.example = tenant;
      }
    }
  }
  return spec;
}

const RETRY_MILLISECONDS = 20;
const MOST_TRIES = 250;

// The viewer resolves an operation after it has shown its form; one that is executed before it never asks, and then
// never again. So whoever is that fast waits.
const patience = {
  statePlugins: { spec: { wrapActions: { execute: (execute, { specSelectors }) => async (request) => {
    const resolved = () => specSelectors.specResolvedSubtree(["paths", request.path, request.method]);
    for (let tries = 0; tries < MOST_TRIES && !resolved()?.get("operationId"); tries += 1) await new Promise((resume) => { setTimeout(resume, RETRY_MILLISECONDS); });
    return execute({ ...request, operation: resolved() });
  } } } },
};

const ui = window.SwaggerUIBundle({
  url: address,
  responseInterceptor: (response) => {
    if (response.ok && new URL(response.url, location).pathname === address) response.text = JSON.stringify(filled(JSON.parse(response.text)));
    return response;
  },
  dom_id: "#reference",
  plugins: [patience],
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  // Nothing is asked of anybody else.
  validatorUrl: null,
  onComplete: () => {
    const schemes = ui.specSelectors.specJson().toJS().components?.securitySchemes ?? {};
    for (const name of Object.keys(schemes)) if (provider) ui.preauthorizeApiKey(name, provider.callers[0].credential);
    document.documentElement.dataset.ready = "true";
  },
});
