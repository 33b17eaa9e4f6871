// The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B), decoded four bits at a time. Pure.
//
// The code is canonical: codes of one length follow each other in the order of their bytes, so that their lengths are all that has to be written down.
// The shortest has five bits: four bits complete one byte at most.

/** Bits of the code of each byte. */
// biome-ignore format: rows of sixteen
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/** The end of a string, which has a code, too, but must not be in one. */
const endOfString = 256;
const endLength = 30;

/** Of a step: it completes a byte. */
const completes = 0x100;
/** Of a step: no code goes on so. */
const fails = 0xffff_ffff;

/** The tree of the code: for each inner node where 0 and 1 lead; a leaf is -1 less its byte. */
const tree = makeTree();

/** For each node and four bits: the node that they lead to, whether they complete a byte, and above that this byte. */
const steps = makeSteps();

/** Nodes at which a string may end: what leads there are ones alone, and no whole byte of them. */
const mayEnd = makeEnds();

/**
 * Decodes a string.
 * @param into with room for eight bytes of each five
 * @returns the bytes that were written; -1: it is no string in this code
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, into: Uint8Array): number {
  let node = 0;
  let length = 0;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at]!;
    const first = steps[(node << 4) | (byte >> 4)]!;
    if (first === fails) return -1;
    if ((first & completes) !== 0) {
      into[length] = first >> 9;
      length += 1;
    }
    const second = steps[((first & 0xff) << 4) | (byte & 0x0f)]!;
    if (second === fails) return -1;
    if ((second & completes) !== 0) {
      into[length] = second >> 9;
      length += 1;
    }
    node = second & 0xff;
  }
  return mayEnd[node] === 1 ? length : -1;
}

/** The bytes that a string of so many may become. */
export function longestDecoded(length: number): number {
  return Math.ceil((length * 8) / 5);
}

function makeTree(): Int16Array {
  const nodes = new Int16Array(512);
  let last = 0;
  let code = 0;
  for (let length = 5; length <= endLength; length += 1) {
    const symbols = lengths.flatMap((one, byte) => (one === length ? [byte] : []));
    if (length === endLength) symbols.push(endOfString);
    for (const symbol of symbols) {
      let node = 0;
      for (let bit = length - 1; bit > 0; bit -= 1) {
        const at = node * 2 + ((code >> bit) & 1);
        if (nodes[at] === 0) {
          last += 1;
          nodes[at] = last;
        }
        node = nodes[at]!;
      }
      nodes[node * 2 + (code & 1)] = -1 - symbol;
      code += 1;
    }
    code <<= 1;
  }
  return nodes;
}

function makeSteps(): Uint32Array {
  return Uint32Array.from({ length: 256 * 16 }, (_, at) => {
    let node = at >> 4;
    let byte = 0;
    for (let bit = 3; bit >= 0; bit -= 1) {
      const next = tree[node * 2 + ((at >> bit) & 1)]!;
      if (next === -1 - endOfString) return fails;
      if (next < 0) byte = completes | ((-1 - next) << 9);
      node = Math.max(next, 0);
    }
    return byte | node;
  });
}

function makeEnds(): Uint8Array {
  const ends = new Uint8Array(256);
  let node = 0;
  for (let ones = 0; ones < 8; ones += 1) {
    ends[node] = 1;
    node = tree[node * 2 + 1]!;
  }
  return ends;
}
