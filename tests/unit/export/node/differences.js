// What handlers answer otherwise than the server did; in Node and in a browser alike.
export async function differences({ base, epoch, compared, vectors }, handlers, getResponse) {
  const wrong = [];
  let [world, served, now] = [undefined, undefined, 0];
  for (const { world: other = 0, at = 0, method, target, headers, content, status, sent, body } of vectors) {
    if (other !== world) {
      world = other;
      served = handlers(base, { clock: () => now });
    }
    now = epoch + at;
    const expected = { status, sent, body };
    let got;
    try {
      const response = await getResponse(served, new Request(base + target, { method, headers, body: content }));
      got = { status: response?.status, sent: {}, body: response && (await response.text()) };
      for (const name of compared) {
        const text = response?.headers.get(name);
        if (text !== null && text !== undefined) got.sent[name] = text;
      }
    } catch (error) {
      got = { error: String(error.stack) };
    }
    const same = got.status === status && got.body === body && compared.every((name) => got.sent[name] === sent[name]);
    if (!same) wrong.push({ request: `${method} ${target}`, headers, content, world, expected, got });
  }
  return { asked: vectors.length, wrong: wrong.slice(0, 20), count: wrong.length };
}
