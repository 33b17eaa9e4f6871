// Request targets that came before, with what was read of them and what logs show of them: both take as long as the rest of a small request's checks.

import { parseTarget, type RequestPath } from '../protocol/http/path.ts';
import { bytesToLog } from '../protocol/text.ts';

const mostKnown = 1_024;
const mostBytes = 512;

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
    if (text.length > mostBytes) return path;
    if (this.#known.size === mostKnown) this.#known.clear();
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

const MAX_URL_LENGTH = 2048;

// Parameters by which applications pass on credentials; whoever reads the log must not be able to use them.
const SECRET =
  /([?&](?:password|passwd|pwd|token|access_token|refresh_token|id_token|api_?key|secret|client_secret|signature|sig|auth)=)[^&#]*/gi;

const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;

/** A request target as logs show it: credentials blanked, control bytes escaped, cut. */
export function urlForLog(target: string): string {
  const named = target.startsWith('/') ? target : target.replace(USER_INFO, '$1***@');
  const blanked = named.includes('?') ? named.replace(SECRET, '$1***') : named;
  return bytesToLog(blanked, MAX_URL_LENGTH);
}
