// Digests by which ids, tokens and cursors are made as the server makes them: SHA-1, SHA-256 and HMAC.

function padded(bytes: Uint8Array): DataView {
  const size = (Math.floor((bytes.length + 8) / 64) + 1) * 64;
  const whole = new Uint8Array(size);
  whole.set(bytes);
  whole[bytes.length] = 0x80;
  const view = new DataView(whole.buffer);
  view.setBigUint64(size - 8, BigInt(bytes.length) * 8n);
  return view;
}

function digestOf(words: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, index) => view.setUint32(4 * index, word));
  return new Uint8Array(view.buffer);
}

const left = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
const right = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

export function sha1(bytes: Uint8Array): Uint8Array {
  const view = padded(bytes);
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const w = new Uint32Array(80);
  for (let start = 0; start < view.byteLength; start += 64) {
    for (let i = 0; i < 80; i++) {
      w[i] = i < 16 ? view.getUint32(start + 4 * i) : left(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1);
    }
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
    for (let i = 0; i < 80; i++) {
      const [mixed, constant] =
        i < 20 ? [(b & c) | (~b & d), 0x5a827999] : i < 40 ? [b ^ c ^ d, 0x6ed9eba1]
          : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6];
      [a, b, c, d, e] = [(left(a, 5) + mixed! + e + constant! + w[i]!) | 0, a, left(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((word, index) => { state[index]! += word; });
  }
  return digestOf(state);
}

/** The first 32 bits behind the point of the roots of the first primes. */
const primes = [...Array(312).keys()].filter((each) => each > 1 && [...Array(each).keys()].every((by) => by < 2 || each % by));
const fraction = (value: number): number => ((value - Math.floor(value)) * 2 ** 32) | 0;
const K = primes.slice(0, 64).map((each) => fraction(Math.cbrt(each)));

export function sha256(bytes: Uint8Array): Uint8Array {
  const view = padded(bytes);
  const state = Uint32Array.from(primes.slice(0, 8), (each) => fraction(Math.sqrt(each)));
  const w = new Uint32Array(64);
  for (let start = 0; start < view.byteLength; start += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) w[i] = view.getUint32(start + 4 * i);
      else {
        const [one, two] = [w[i - 15]!, w[i - 2]!];
        w[i] = w[i - 16]! + (right(one, 7) ^ right(one, 18) ^ (one >>> 3)) + w[i - 7]! + (right(two, 17) ^ right(two, 19) ^ (two >>> 10));
      }
    }
    const v = [...state];
    for (let i = 0; i < 64; i++) {
      const [a, b, c, d, e, f, g, h] = v as [number, number, number, number, number, number, number, number];
      const one = (h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
      const two = ((right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      v.splice(0, 8, (one + two) | 0, a, b, c, (d + one) | 0, e, f, g);
    }
    v.forEach((word, index) => { state[index]! += word; });
  }
  return digestOf(state);
}

export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(64);
  block.set(key.length > 64 ? sha256(key) : key);
  const within = (byte: number, rest: Uint8Array): Uint8Array => {
    const whole = new Uint8Array(64 + rest.length);
    block.forEach((each, index) => { whole[index] = each ^ byte; });
    whole.set(rest, 64);
    return sha256(whole);
  };
  return within(0x5c, within(0x36, bytes));
}
