// BLAKE2b with a key (RFC 7693): cursors are signed with it, as the server signs them.

const MASK = (1n << 64n) - 1n;
const IV = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const BLOCK = 128;

const rotate = (word: bigint, bits: bigint): bigint => ((word >> bits) | (word << (64n - bits))) & MASK;

function compress(state: bigint[], block: Uint8Array, count: number, last: boolean): void {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK);
  const words = Array.from({ length: 16 }, (_, index) => view.getBigUint64(8 * index, true));
  const v = [...state, ...IV];
  v[12]! ^= BigInt(count);
  if (last) v[14]! ^= MASK;
  const mix = (a: number, b: number, c: number, d: number, x: bigint, y: bigint): void => {
    v[a] = (v[a]! + v[b]! + x) & MASK;
    v[d] = rotate(v[d]! ^ v[a]!, 32n);
    v[c] = (v[c]! + v[d]!) & MASK;
    v[b] = rotate(v[b]! ^ v[c]!, 24n);
    v[a] = (v[a]! + v[b]! + y) & MASK;
    v[d] = rotate(v[d]! ^ v[a]!, 16n);
    v[c] = (v[c]! + v[d]!) & MASK;
    v[b] = rotate(v[b]! ^ v[c]!, 63n);
  };
  for (let round = 0; round < 12; round++) {
    const s = SIGMA[round % 10]!.map((index) => words[index]!);
    for (let column = 0; column < 4; column++) {
      mix(column, 4 + column, 8 + column, 12 + column, s[2 * column]!, s[2 * column + 1]!);
    }
    for (let column = 0; column < 4; column++) {
      const [b, c, d] = [4 + ((column + 1) % 4), 8 + ((column + 2) % 4), 12 + ((column + 3) % 4)];
      mix(column, b, c, d, s[8 + 2 * column]!, s[9 + 2 * column]!);
    }
  }
  for (let index = 0; index < 8; index++) state[index]! ^= v[index]! ^ v[index + 8]!;
}

/** The digest of some bytes under a key, `size` bytes long; `person` tells apart what it is for. */
export function blake2b(bytes: Uint8Array, key: Uint8Array, size: number, person: Uint8Array = new Uint8Array()): Uint8Array {
  const state = [...IV];
  state[0]! ^= 0x01010000n ^ (BigInt(key.length) << 8n) ^ BigInt(size);
  const own = new Uint8Array(16);
  own.set(person);
  state[6]! ^= new DataView(own.buffer).getBigUint64(0, true);
  state[7]! ^= new DataView(own.buffer).getBigUint64(8, true);
  const prefix = key.length ? BLOCK : 0;
  const padded = new Uint8Array(Math.max(BLOCK, Math.ceil((prefix + bytes.length) / BLOCK) * BLOCK));
  padded.set(key);
  padded.set(bytes, prefix);
  for (let start = 0; start < padded.length; start += BLOCK) {
    const last = start + BLOCK === padded.length;
    const count = last ? prefix + bytes.length : start + BLOCK;
    compress(state, padded.subarray(start, start + BLOCK), count, last);
  }
  const out = new Uint8Array(64);
  const view = new DataView(out.buffer);
  state.forEach((word, index) => view.setBigUint64(8 * index, word, true));
  return out.slice(0, size);
}
