// Names of header fields that clients usually send, each as one string for ever: a name that was cut from a head costs several times as much wherever
// it is compared or looked up. Pure.

/** As they are usually written; each is known in lower case, too. Names of RFC 9110, of browsers, and of what proxies add. */
const usual = [
  ...['Accept', 'Accept-Charset', 'Accept-Encoding', 'Accept-Language', 'Access-Control-Request-Headers'],
  ...[
    'Access-Control-Request-Method',
    'Authorization',
    'Baggage',
    'Cache-Control',
    'Connection',
    'Content-Disposition',
  ],
  ...[
    'Content-Encoding',
    'Content-Language',
    'Content-Length',
    'Content-Type',
    'Cookie',
    'DNT',
    'Date',
    'Expect',
    'Forwarded',
  ],
  ...[
    'From',
    'Host',
    'If-Match',
    'If-Modified-Since',
    'If-None-Match',
    'If-Range',
    'If-Unmodified-Since',
    'Keep-Alive',
  ],
  ...['Origin', 'Pragma', 'Priority', 'Proxy-Authorization', 'Purpose', 'Range', 'Referer', 'SOAPAction', 'Save-Data'],
  ...['Sec-CH-UA', 'Sec-CH-UA-Arch', 'Sec-CH-UA-Mobile', 'Sec-CH-UA-Model', 'Sec-CH-UA-Platform', 'Sec-Fetch-Dest'],
  ...['Sec-Fetch-Mode', 'Sec-Fetch-Site', 'Sec-Fetch-User', 'Sec-GPC', 'Sec-Purpose', 'Sec-WebSocket-Extensions'],
  ...[
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Version',
    'TE',
    'Traceparent',
    'Tracestate',
    'Trailer',
  ],
  ...[
    'Transfer-Encoding',
    'Upgrade',
    'Upgrade-Insecure-Requests',
    'User-Agent',
    'Via',
    'X-CSRF-Token',
    'X-Forwarded-For',
  ],
  ...['X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Forwarded-Server', 'X-HTTP-Method-Override'],
  ...['X-Real-IP', 'X-Request-ID', 'X-Requested-With', 'X-XSRF-Token'],
];

const slotCount = 1024;

interface Known {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const slots: readonly (readonly Known[])[] = (() => {
  const made: Known[][] = Array.from({ length: slotCount }, () => []);
  // Keys of an object are strings that V8 has once only: two of them are compared by where they are.
  const once = Object.keys(
    Object.fromEntries([...usual, ...usual.map((name) => name.toLowerCase())].map((n) => [n, 0])),
  );
  for (const name of once) {
    made[slotOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1))]!.push({
      name,
      bytes: Buffer.from(name, 'latin1'),
    });
  }
  return made;
})();

/** The name that stands in `bytes` from `from` up to `to`, at least one byte; undefined: it is none that is usual. */
export function usualName(bytes: Uint8Array, from: number, to: number): string | undefined {
  const length = to - from;
  const found = slots[slotOf(length, bytes[from]!, bytes[to - 1]!)]!;
  for (let i = 0; i < found.length; i += 1) {
    const known = found[i]!;
    if (isThere(known.bytes, bytes, from, length)) return known.name;
  }
  return undefined;
}

function isThere(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[from + at]) return false;
  return true;
}

function slotOf(length: number, first: number, last: number): number {
  return (length * 37 + first * 5 + last * 11) % slotCount;
}
