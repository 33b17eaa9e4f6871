// A Response that is built only when somebody looks at it, since a real one takes longer to make and to read than a small answer takes to send.

/** What is known of an answer without building a Response. */
export interface ReplyParts {
  readonly status: number;
  /** Name, value, name, value; byte strings. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
}

type BodyInit = NonNullable<ConstructorParameters<typeof Response>[0]>;
type HeadersInit = ConstructorParameters<typeof Headers>[0];

type ReplyConstructor = {
  new (body?: BodyInit | null, init?: ResponseInit): Response;
  readonly prototype: Response;
};

const partsByReply = new WeakSet<object>();
const encoder = new TextEncoder();

class LazyReply {
  readonly #body: BodyInit | null;
  readonly #init: ResponseInit;
  #real: Response | null = null;
  #parts: ReplyParts | null = null;

  constructor(body: BodyInit | null = null, init: ResponseInit = {}) {
    this.#body = body;
    this.#init = init;
    if ((body === null || typeof body === 'string' || body instanceof Uint8Array) && isPlain(init.headers)) {
      // What is wrong is said where the reply is made, as Response does.
      this.#parts = partsFrom(body, init);
      partsByReply.add(this);
    } else {
      this.materialize();
    }
  }

  /** Its parts; null when it was looked at, and may have been changed. */
  get parts(): ReplyParts | null {
    return this.#real === null ? this.#parts : null;
  }

  /** The real Response, made once. */
  materialize(): Response {
    this.#real ??= new Response(this.#body, this.#init);
    return this.#real;
  }
}

delegateAll(LazyReply.prototype);
Object.setPrototypeOf(LazyReply.prototype, Response.prototype);

/** A drop-in for `Response` that costs a fraction of it when the body is text or bytes and the headers are a plain object. */
export const Reply = LazyReply as unknown as ReplyConstructor;

/** The parts of a Reply that nobody has looked at; null for every other Response. */
export function partsOf(response: Response): ReplyParts | null {
  return partsByReply.has(response) ? (response as unknown as LazyReply).parts : null;
}

/** A Response that the platform itself takes, where a Reply may be one. */
export function realResponse(response: Response): Response {
  return response instanceof LazyReply ? (response as LazyReply).materialize() : response;
}

/** Nobody reads the body of what a handler gave back too late: what it comes from is told so. */
export function discardReply(answer: unknown): void {
  if (!(answer instanceof Response)) return;
  realResponse(answer)
    .body?.cancel()
    .catch(() => {});
}

function isPlain(headers: HeadersInit | undefined): headers is Record<string, string> | undefined {
  return headers === undefined || Object.getPrototypeOf(headers) === Object.prototype;
}

/** @throws RangeError, TypeError as Response does */
function partsFrom(body: string | Uint8Array | null, init: ResponseInit): ReplyParts {
  const status = init.status ?? 200;
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new RangeError(`${status} is no HTTP status`);
  if (body !== null && (status === 204 || status === 205 || status === 304)) {
    throw new TypeError(`an answer with status ${status} has no body`);
  }
  const given = (init.headers ?? {}) as Record<string, string>;
  const headers: string[] = [];
  let hasType = false;
  for (const name in given) {
    const value = String(given[name]);
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new TypeError(`the value of header ${name} is not valid`);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new TypeError(`"${name}" is no header name`);
    hasType ||= name.length === 12 && name.toLowerCase() === 'content-type';
    headers.push(name, value);
  }
  if (typeof body === 'string' && !hasType) headers.push('content-type', 'text/plain;charset=UTF-8');
  return { status, headers, body: typeof body === 'string' ? encoder.encode(body) : body };
}

/** Everything that a Response has is asked of the real one. */
function delegateAll(prototype: object): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Response.prototype))) {
    if (name === 'constructor') continue;
    if (property.get) {
      Object.defineProperty(prototype, name, {
        configurable: true,
        get(this: LazyReply) {
          return Reflect.get(this.materialize(), name);
        },
      });
    } else if (typeof property.value === 'function') {
      Object.defineProperty(prototype, name, {
        configurable: true,
        writable: true,
        value(this: LazyReply, ...parameters: unknown[]) {
          return Reflect.apply(property.value, this.materialize(), parameters);
        },
      });
    }
  }
}
