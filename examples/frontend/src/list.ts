import type { ListSandboxesRow } from "./mocks/prime/types.js";

export const API = "https://api.example.com";
const KEY = "prime-admin-key";

/** The list as HTML: rows, or why there are none. `asked` is what the fake is asked for, such as a scenario. */
export async function listOf(query = "", asked = ""): Promise<string> {
  const headers = { Authorization: `Bearer ${KEY}`, ...(asked && { Prefer: asked }) };
  const response = await fetch(`${API}/api/v1/sandbox?${query}`, { headers });
  if (!response.ok) return `<p role="alert">The list cannot be loaded (${response.status}).</p>`;
  const { sandboxes, total } = (await response.json()) as { sandboxes: ListSandboxesRow[]; total: number };
  if (!sandboxes.length) return "<p>No sandboxes yet.</p>";
  const rows = sandboxes.map(({ name, status }) => `<li><b>${escape(name)}</b> ${status}</li>`);
  return `<p>${total} sandboxes</p><ul>${rows.join("")}</ul>`;
}

/** A new sandbox, by its name. */
export async function create(name: string): Promise<ListSandboxesRow> {
  const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ name, docker_image: "node:22" });
  return (await fetch(`${API}/api/v1/sandbox`, { method: "POST", headers, body })).json();
}

const escape = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
