// The address of a view: a path and pairs behind the hash, which no server ever sees. What a request asks for stands
// there as it is sent; what is the console's own begins with a tilde, and what is part of a path with a colon.

export function read(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { parts: path.split("/").filter(Boolean).map(decode), pairs: [...new URLSearchParams(query)] };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function link(parts, pairs = []) {
  const query = new URLSearchParams(pairs).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${query && `?${query}`}`;
}

export const own = (pairs, name) => pairs.find(([each]) => each === `~${name}`)?.[1];
export const asked = (pairs) => pairs.filter(([name]) => !/^[~:]/.test(name));
export const segments = (pairs) =>
  Object.fromEntries(pairs.filter(([name]) => name.startsWith(":")).map(([name, value]) => [name.slice(1), value]));

// The pairs with others in the place of those of some names; null takes one away.
export function changed(pairs, changes) {
  const kept = pairs.filter(([name]) => !(name in changes));
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [].concat(value).map((each) => [name, String(each)]));
  return [...kept, ...added];
}

// The address of a view that is there already.
export function stand(parts, pairs) {
  history.replaceState(null, "", link(parts, pairs));
}

export function go(parts, pairs, { replace = false } = {}) {
  const target = link(parts, pairs);
  if (target === location.hash) return;
  if (replace) {
    history.replaceState(null, "", target);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = target;
  }
}
