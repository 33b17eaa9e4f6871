// Which variable a header field becomes (RFC 3875, section 4.1.18), and which fields a program never sees. Pure.

import { inOnePiece } from '../bytes.ts';

/** Fields that a program never sees: they are about the connection, or have a variable of their own. */
const dropped = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // HTTP_PROXY would configure the HTTP client inside the program: CVE-2016-5385 ("httpoxy").
  'proxy',
  'proxy-authorization',
  'proxy-connection',
]);

/** Fields by which gateways and programs talk to each other: from a client they are always forged. */
const droppedPrefix = /^(?:redirect-|x-sendfile|x-accel-)/;

/**
 * The CGI variable of a header field, or null where the field is dropped. A name with "_" is dropped too: "X_Real_Ip" and
 * "X-Real-Ip" would become the same variable, and one of them would go round what a proxy in front of us filters.
 */
export function headerVariable(name: string): string | null {
  if (!/^[A-Za-z0-9-]+$/.test(name)) return null;
  const lower = name.toLowerCase();
  if (dropped.has(lower) || droppedPrefix.test(lower)) return null;
  return `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** A variable that header fields become, and where it stands in the list that is being made. */
export interface HeaderName {
  readonly variable: string;
  /** The list that it was added to last, by its number; and where its value is in that. */
  turn: number;
  valueAt: number;
}

/** Remembers the variables of names seen before, up to a limit, since clients send the same names again and again. */
export class HeaderNames {
  readonly #known = new Map<string, HeaderName | null>();
  /** However its name was written, a variable is one. */
  readonly #variables = new Map<string, HeaderName>();
  /** Those of the present list that are not remembered. */
  readonly #others = new Map<string, HeaderName>();
  readonly #onDropped: (name: string) => void;
  /** By place among the fields, what stood there last: clients mostly send the same names in the same order. */
  readonly #places: { readonly name: string; readonly found: HeaderName | null }[] = [];
  #turn = 0;

  /** @param onDropped told of a name that cannot be a variable, once for each name that is remembered */
  constructor(onDropped: (name: string) => void = () => {}) {
    this.#onDropped = onDropped;
  }

  /** A new list begins. @returns its number */
  nextTurn(): number {
    if (this.#others.size > 0) this.#others.clear();
    this.#turn += 1;
    return this.#turn;
  }

  /** What a field of that name becomes; null: it is dropped. @param place of the field among the others */
  find(name: string, place = 0): HeaderName | null {
    const last = this.#places[place];
    if (last !== undefined && last.name === name) return last.found;
    const found = this.#known.get(name);
    if (found === undefined) return this.#meet(name);
    if (place < MAX_PLACES) this.#places[place] = { name, found };
    return found;
  }

  /** As `headerVariable`. */
  variable(name: string): string | null {
    return this.find(name)?.variable ?? null;
  }

  #meet(name: string): HeaderName | null {
    const variable = headerVariable(name);
    const isKept = this.#known.size < MAX_KNOWN && name.length <= MAX_KNOWN_LENGTH;
    const found = variable === null ? null : this.#nameOf(variable, isKept);
    if (!isKept) return found;
    this.#known.set(inOnePiece(name), found);
    if (variable === null && !/^[A-Za-z0-9-]+$/.test(name)) this.#onDropped(name);
    return found;
  }

  #nameOf(variable: string, isKept: boolean): HeaderName {
    const before = this.#variables.get(variable) ?? this.#others.get(variable);
    if (before !== undefined) return before;
    // A key of an object, so that it is found among others without being looked for in V8's table of them.
    const [interned] = Object.keys({ [variable]: '' });
    const made = { variable: interned!, turn: 0, valueAt: 0 };
    (isKept ? this.#variables : this.#others).set(variable, made);
    return made;
  }
}

const MAX_KNOWN = 1024;
const MAX_PLACES = 40;
const MAX_KNOWN_LENGTH = 128;
