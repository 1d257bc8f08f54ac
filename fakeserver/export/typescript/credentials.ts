// Credentials in bodies.

export type CredentialIn = (sent: Uint8Array, name: string) => string[];

/** The credential that a body holds under a name, if there is one. */
export const credentialIn: CredentialIn = (sent, name) => {
  try {
    const found = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(sent));
    const text = Array.isArray(found) ? null : found[name];
    return typeof text === "string" ? [text] : [];
  } catch {
    return [];
  }
};
