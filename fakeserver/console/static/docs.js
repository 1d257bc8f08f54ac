// The reference of one API: Swagger UI over the specification beside this page, with the first caller's credential.

import { prefix, providerOf } from "./api.js";

const slug = location.pathname.slice(prefix.length).split("/")[1];
document.title = `${slug} · API reference`;
document.getElementById("home").setAttribute("href", `${prefix}/`);
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);

const provider = await providerOf(slug).catch(() => undefined);
const ui = window.SwaggerUIBundle({
  url: `${prefix}/${slug}/openapi.json`,
  dom_id: "#reference",
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
