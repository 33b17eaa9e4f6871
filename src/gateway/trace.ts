// The trace that a request belongs to (W3C Trace Context): a traceparent is passed on as it came; where there is none, one may be made.
// Who records spans besides (OpenTelemetry) is another `Traces`: open-telemetry.ts.

import { randomFillSync } from 'node:crypto';
import { fieldValue } from '../protocol/http/headers.ts';
import type { HttpRequest } from './message.ts';

/** Finds the trace of each request, or makes it. */
export interface Traces {
  begin(request: HttpRequest): RequestTrace;
}

/** The trace of one request, while that is on its way. Times are the clock's. */
export interface RequestTrace {
  /** null: there is none. */
  readonly traceId: string | null;
  /** A program, or a server elsewhere, is to have it. @returns what that one is told, by the lower-case names of fields; empty: what came goes on as it is */
  begins(pool: string): TraceFields;
  /** It has had it. */
  ran(run: TracedRun): void;
  over(end: TracedEnd): void;
}

/** Fields of a request by their lower-case names. */
export type TraceFields = Readonly<Record<string, string>>;

/** How long it waited for a program, and how long that had it. */
export interface TracedRun {
  readonly pool: string;
  /** When it was given to the pool. */
  readonly fromMs: number;
  readonly waitedMs: number;
  readonly untilMs: number;
  /** 0: no process is known. */
  readonly pid: number;
  readonly attempts: number;
}

/** How the request ended. */
export interface TracedEnd {
  /** 0: the client left before there was one. */
  readonly status: number;
  /** Code of the error; null: there is none. */
  readonly error: string | null;
  /** The client's address, and whether it speaks TLS, behind trusted proxies too; null: the request was refused before it was known. */
  readonly client: { readonly remoteAddress: string; readonly secure: boolean } | null;
  /** The route that took it; null: none did. */
  readonly route: string | null;
}

/** Random bytes are taken by the page: asking for a few each time costs more than they do. */
const pageBytes = 4_096;
const traceBytes = 16;
const spanBytes = 8;

/** "00-TRACE-SPAN-FLAGS", with neither id all zeros. */
const valid = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

/** Makes traceparents for requests that come without one. */
export class TraceMaker implements Traces {
  readonly #page = Buffer.alloc(pageBytes);
  #used = pageBytes;

  /** See Traces. Nothing is recorded of it. */
  begin({ headers }: HttpRequest): RequestTrace {
    const given = fieldValue(headers, 'traceparent');
    const made = this.traceparentFor(given);
    const used = made ?? given;
    return unrecorded(used, made === null ? noFields : { traceparent: made });
  }

  /** null: the one that came is valid, and goes on as it is. */
  traceparentFor(given: string | undefined): string | null {
    if (given !== undefined && valid.test(given)) return null;
    // Flags 00: nobody has decided that it is recorded.
    return `00-${this.#hex(traceBytes)}-${this.#hex(spanBytes)}-00`;
  }

  #hex(bytes: number): string {
    if (this.#used + bytes > pageBytes) {
      randomFillSync(this.#page);
      this.#used = 0;
    }
    const text = this.#page.toString('hex', this.#used, this.#used + bytes);
    this.#used += bytes;
    return text;
  }
}

/** The trace of a request of which nothing is recorded. @param traceparent that it goes on with; undefined: none */
export function unrecorded(traceparent: string | undefined, fields: TraceFields): RequestTrace {
  return {
    traceId: traceparent === undefined ? null : traceIdOf(traceparent),
    begins: () => fields,
    ran: () => {},
    over: () => {},
  };
}

/** Nothing but what came is told. */
export const noFields: TraceFields = {};

/** The trace of a traceparent; null: it is not valid. */
export function traceIdOf(traceparent: string): string | null {
  return valid.test(traceparent) ? traceparent.slice(3, 35) : null;
}

/** The same as CGI variables. */
export function traceVariables(fields: TraceFields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [`HTTP_${name.toUpperCase().replaceAll('-', '_')}`, value]),
  );
}

/** Header fields with those of a trace in place of what came under their names. */
export function withTraceFields(headers: readonly string[], fields: TraceFields): readonly string[] {
  const added = Object.entries(fields).flat();
  if (added.length === 0) return headers;
  return [...headers.filter((_, at) => !Object.hasOwn(fields, headers[at - (at % 2)]!.toLowerCase())), ...added];
}
