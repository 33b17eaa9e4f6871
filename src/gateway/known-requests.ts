// What is known of a request since one that said the same came before: its client, its target as it was read and as logs show it, and what answers it.
// To find that out anew takes as long as the rest of a small request's way through the gateway.

import type { Clock } from '../clock.ts';
import { fieldValue, hasOne } from '../protocol/http/headers.ts';
import type { MadeOfFields } from '../protocol/http/http1-head.ts';
import { parseTarget, type RequestPath } from '../protocol/http/path.ts';
import { urlForLog } from '../protocol/text.ts';
import type { DocumentRoot } from './document-root.ts';
import type { HttpRequest } from './message.ts';
import { type Client, identifyClient } from './request-client.ts';
import type { Routing } from './routing.ts';
import { type Decision, decide } from './script.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What is remembered of a client for the next request on its connection. */
class KnownClient {
  readonly by: object;
  readonly host: string | undefined;
  readonly version: string;
  readonly client: Client;
  /** Of the fields that said so last; null: they are not known. */
  made: MadeOfFields | null = null;

  constructor(by: object, host: string | undefined, version: string, client: Client) {
    this.by = by;
    this.host = host;
    this.version = version;
    this.client = client;
  }
}

/**
 * As `identifyClient`; the client of the connection's request before, where this one says the same.
 * @throws BAD_REQUEST
 */
export function recogniseClient(request: HttpRequest, proxies: TrustedProxies): Client {
  const { peer, headers, version, made = null } = request;
  const known = peer.memo;
  const isKnown = known instanceof KnownClient && known.by === proxies && known.version === version;
  if (isKnown && made !== null && known.made === made) return known.client;
  const host = fieldValue(headers, 'host');
  if (isKnown && known.host === host && hasOne(headers, 'host')) {
    known.made = made;
    return known.client;
  }
  const client = identifyClient(request, proxies);
  // What a proxy says may be of another client each time.
  const isOfPeer = proxies.isEmpty || !proxies.has(peer.remoteAddress);
  if (isOfPeer && peer.memo !== undefined) peer.memo = new KnownClient(proxies, host, version, client);
  return client;
}

const mostTargets = 1_024;
const mostTargetBytes = 512;

/** A target, read. */
interface KnownTarget {
  readonly text: string;
  readonly path: RequestPath;
  readonly shown: string;
}

export class KnownTargets {
  readonly #known = new Map<string, KnownTarget>();
  /** The one that came last, which is the quickest to be found. */
  #last: KnownTarget | null = null;

  /** As `parseTarget()`. @throws BAD_REQUEST */
  read(text: string): RequestPath {
    const found = this.#find(text);
    if (found !== null) return found.path;
    const path = parseTarget(text);
    if (text.length > mostTargetBytes) return path;
    if (this.#known.size === mostTargets) this.#known.clear();
    this.#last = { text, path, shown: urlForLog(text) };
    this.#known.set(text, this.#last);
    return path;
  }

  /** As `urlForLog()`. */
  shown(text: string): string {
    return this.#find(text)?.shown ?? urlForLog(text);
  }

  #find(text: string): KnownTarget | null {
    if (this.#last !== null && this.#last.text === text) return this.#last;
    const found = this.#known.get(text);
    if (found === undefined) return null;
    this.#last = found;
    return found;
  }
}

const mostDecisions = 4_096;

/**
 * Remembers decisions for as long as all is believed that was found on the disk for them (see `document-root.ts`), and no longer. What was not found
 * is looked for each time, and so is everything where routes have folders of their own.
 */
export class KnownDecisions {
  readonly #routing: Routing;
  readonly #clock: Clock;
  readonly #root: DocumentRoot | null;
  readonly #known = new Map<string, Decision>();
  /** The root's when they were made. */
  #renewals = 0;
  /** The one that was made last, which is the quickest to be found. */
  #lastPath = '';
  #last: Decision | null = null;

  constructor(routing: Routing, clock: Clock) {
    const { place, routes } = routing;
    this.#routing = routing;
    this.#clock = clock;
    this.#root = routes.every((one) => one.place.root === place.root) ? place.root : null;
  }

  /** As `decide`. */
  decide(target: RequestPath): Decision {
    const root = this.#root;
    const { path, nameLength } = target;
    const isKnown = root !== null && nameLength === path.length && this.#clock.now() < root.validUntilMs;
    if (!isKnown) return decide(this.#routing, target);
    if (root.renewals !== this.#renewals) {
      this.#known.clear();
      this.#last = null;
      this.#renewals = root.renewals;
    }
    if (this.#last !== null && path === this.#lastPath) return this.#last;
    const known = this.#known.get(path);
    if (known !== undefined) {
      this.#lastPath = path;
      this.#last = known;
      return known;
    }
    const { misses } = root;
    const decision = decide(this.#routing, target);
    const isFound = (decision.kind === 'run' || decision.kind === 'file') && root.misses === misses;
    if (isFound && root.renewals === this.#renewals && this.#known.size < mostDecisions)
      this.#known.set(path, decision);
    return decision;
  }
}
