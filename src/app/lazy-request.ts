// A Web Request over CGI variables that is built only as far as it is looked at.

import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import type { CgiRequest, Environment } from '../protocol/cgi/exchange.ts';

/** What a request needs of who made it. */
export interface RequestHost {
  readonly signal: AbortSignal;
  /** Body bytes that `text()` and its like gather at most. */
  readonly maxBodyBytes: number;
}

/**
 * Behaves as a `Request`, and is one to `instanceof`. A real one, which costs several times what a small answer does, is made
 * when something is asked for that needs it (`clone`, `formData`, `body`, ...).
 */
class LazyRequest {
  readonly #source: CgiRequest;
  readonly #host: RequestHost;
  #url: string | null = null;
  #headers: Headers | null = null;
  #isUsed = false;
  #real: Request | null = null;

  constructor(source: CgiRequest, host: RequestHost) {
    this.#source = source;
    this.#host = host;
  }

  get method(): string {
    return this.#source.method;
  }

  get url(): string {
    if (this.#url !== null) return this.#url;
    const text = urlOf(this.#source.environment);
    this.#url = URL.canParse(text) ? new URL(text).href : text;
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= new Headers(headersOf(this.#source.environment));
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#host.signal;
  }

  get bodyUsed(): boolean {
    return this.#isUsed || (this.#real?.bodyUsed ?? false);
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#real !== null) return new Uint8Array(await this.#real.arrayBuffer());
    return this.#gather();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async formData(): Promise<FormData> {
    return (await this.#asResponse()).formData();
  }

  async blob(): Promise<Blob> {
    return (await this.#asResponse()).blob();
  }

  /** The real Request, made once. */
  materialize(): Request {
    if (this.#isUsed) throw new TypeError('the body of this request was read already');
    this.#real ??= new Request(this.url, {
      method: this.method,
      headers: this.headers,
      signal: this.signal,
      ...(this.#hasBody
        ? { body: Readable.toWeb(this.#source.body!.stream()) as ReadableStream, duplex: 'half' as const }
        : {}),
    });
    return this.#real;
  }

  get #hasBody(): boolean {
    return this.#source.body !== null && this.method !== 'GET' && this.method !== 'HEAD';
  }

  /** The body, gathered within the limit, where the Web's own parser takes it. */
  async #asResponse(): Promise<Response> {
    const type = this.headers.get('content-type');
    const bytes = (await this.bytes()) as Uint8Array<ArrayBuffer>;
    return new Response(bytes, type === null ? {} : { headers: { 'content-type': type } });
  }

  async #gather(): Promise<Uint8Array> {
    if (this.#isUsed) throw new TypeError('the body of this request was read already');
    const { body } = this.#source;
    if (body === null) return new Uint8Array(0);
    this.#isUsed = true;
    const whole = body.bytes;
    if (whole !== null) {
      this.#check(whole.length);
      return whole;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of body.stream() as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      this.#check(length);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  }

  #check(length: number): void {
    if (length <= this.#host.maxBodyBytes) return;
    throw new PosternError(
      'BODY_TOO_LARGE',
      `the body has more than ${this.#host.maxBodyBytes} bytes: read it as a stream, or raise maxBodyBytes`,
    );
  }
}

/** A Request that costs little until it is looked at. */
export function lazyRequest(source: CgiRequest, host: RequestHost): Request {
  // Not before the first one: whoever names Request has Node load all of its fetch, and most that import this make no request.
  if (Object.getPrototypeOf(LazyRequest.prototype) === Object.prototype) becomeRequest(LazyRequest.prototype);
  return new LazyRequest(source, host) as unknown as Request;
}

/** Everything else that a Request has is asked of the real one. */
function becomeRequest(prototype: object): void {
  Object.setPrototypeOf(prototype, Request.prototype);
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))) {
    if (Object.hasOwn(prototype, name)) continue;
    if (property.get) {
      Object.defineProperty(prototype, name, {
        configurable: true,
        get(this: LazyRequest) {
          return Reflect.get(this.materialize(), name);
        },
      });
    } else if (typeof property.value === 'function') {
      Object.defineProperty(prototype, name, {
        configurable: true,
        writable: true,
        value(this: LazyRequest, ...parameters: unknown[]) {
          const real = this.materialize();
          return Reflect.apply(property.value, real, parameters);
        },
      });
    }
  }
}

// From CGI variables to what a Web Request has: its URL and its headers (RFC 3875, section 4.1).

/** The absolute URL that the client asked for; bytes that are not ASCII are percent-encoded. */
export function urlOf(environment: Readonly<Environment>): string {
  const { HTTPS, REQUEST_SCHEME, REQUEST_URI, SCRIPT_NAME, PATH_INFO, QUERY_STRING } = environment;
  const scheme = REQUEST_SCHEME || (HTTPS !== undefined && /^(?:on|1)$/i.test(HTTPS) ? 'https' : 'http');
  let target = REQUEST_URI;
  if (target === undefined || target === '') {
    target = `${SCRIPT_NAME ?? ''}${PATH_INFO ?? ''}`.replace(/[%?#]/g, encodeURIComponent);
    if (QUERY_STRING) target += `?${QUERY_STRING}`;
  }
  // "//evil.example/" behind a host would be read as a path; without one, or in absolute form, it would name the host.
  const path = target.startsWith('/') ? target : target.startsWith('http') ? pathOf(target) : `/${target}`;
  return `${scheme}://${hostOf(environment)}${escapeBytes(path)}`;
}

/** Headers as name, value pairs, names in lower case. */
export function headersOf(environment: Readonly<Environment>): [string, string][] {
  const headers: [string, string][] = [];
  for (const name in environment) {
    // nginx sends both, and the variables without a prefix are the ones that count.
    if (name === 'HTTP_CONTENT_TYPE' || name === 'HTTP_CONTENT_LENGTH') continue;
    if (name.startsWith('HTTP_') && name.length > 5) {
      headers.push([name.slice(5).toLowerCase().replaceAll('_', '-'), environment[name]!]);
    }
  }
  if (environment.CONTENT_TYPE) headers.push(['content-type', environment.CONTENT_TYPE]);
  if (environment.CONTENT_LENGTH) headers.push(['content-length', environment.CONTENT_LENGTH]);
  return headers;
}

function hostOf({ HTTP_HOST, SERVER_NAME, SERVER_PORT }: Readonly<Environment>): string {
  if (HTTP_HOST && /^[A-Za-z0-9._~[\]:-]+$/.test(HTTP_HOST)) return HTTP_HOST;
  const name = SERVER_NAME && /^[A-Za-z0-9._~[\]:-]+$/.test(SERVER_NAME) ? SERVER_NAME : 'localhost';
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  return SERVER_PORT && /^\d{1,5}$/.test(SERVER_PORT) ? `${bracketed}:${SERVER_PORT}` : bracketed;
}

function pathOf(absolute: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/.exec(absolute);
  return match === null ? `/${absolute}` : match[1]!.startsWith('/') ? match[1]! : `/${match[1]}`;
}

function escapeBytes(text: string): string {
  if (!/[^\x21-\x7e]/.test(text)) return text;
  return text.replace(/[^\x21-\x7e]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
