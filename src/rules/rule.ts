// What a rule of a site is, made ready once for each configuration: which requests it takes, and what it does. Data.
//
// 1. The rules are asked in their order, before the routes. Each that takes the path does what it says.
// 2. `redirect`, `proxy` and `status` answer: no later rule is asked. `rewrite` and `try` give the request another path: the later ones see that.
// 3. Whoever may ask (`allow`, `deny`, `limit`, `auth`) is decided before anything answers, in the order of the rules.
// 4. What rules say of a path counts for the path that was asked for, and for the script or file that answers it: "/admin.php" takes "/admin.php/x"
//    and what comes to it as a fallback, "*.html" takes "/" where index.html answers it. One rule counts once.

import type { HeaderRule } from './header-rule.ts';
import type { RuleMatch } from './rule-match.ts';
import type { TargetTemplate } from './target-template.ts';

/** One rule. */
export interface Rule {
  /** As people call it: "rule 2 (line 14)", "preset wordpress". */
  readonly name: string;
  readonly match: RuleMatch;
  /** null: it does not ask who it is. */
  readonly gate: RuleGate | null;
  readonly header: HeaderRule | null;
  /** Status -> URL path of the file or script that takes the place of our own page. null: none. */
  readonly errorPages: ReadonlyMap<number, string> | null;
  /** Whether a folder without an index is listed; null: it does not say. */
  readonly listing: boolean | null;
  /** null: it answers nothing. */
  readonly act: RuleAct | null;
}

/** What answers, or gives the request another path. */
export type RuleAct =
  | { readonly kind: 'redirect'; readonly status: number; readonly to: TargetTemplate }
  | { readonly kind: 'rewrite'; readonly to: TargetTemplate }
  | { readonly kind: 'try'; readonly files: readonly TargetTemplate[]; readonly last: TargetTemplate | RefusalStatus }
  | { readonly kind: 'proxy'; readonly proxy: ProxyOptions }
  | { readonly kind: 'refuse'; readonly status: RefusalStatus };

/** What a rule may answer with by itself. */
export const refusalStatuses = [403, 404, 410, 503] as const;
export type RefusalStatus = (typeof refusalStatuses)[number];

/** Who may ask. */
export interface RuleGate {
  /** Addresses and networks; null: it does not say. "all" is everybody. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[] | null;
  /** Whether who is allowed by address needs no password. */
  readonly satisfiesAny: boolean;
  readonly auth: AuthOptions | null;
  readonly limit: LimitOptions | null;
}

/** How a client proves who it is: by a password of a file, or a program decides. */
export type AuthOptions =
  | { readonly kind: 'file'; readonly realm: string /** Absolute path. */; readonly file: string }
  | { readonly kind: 'pool'; readonly pool: string; readonly role: AuthorizerRole; readonly realm: string };

/** What a FastCGI authorizer is asked: mod_fcgid's FcgidAuthorizer, FcgidAuthenticator and FcgidAccessChecker. */
export const authorizerRoles = ['authorizer', 'authenticator', 'accessChecker'] as const;
export type AuthorizerRole = (typeof authorizerRoles)[number];

/** What one client may ask for. */
export interface LimitOptions {
  /** Requests in so many milliseconds; null: as many as it likes. */
  readonly rate: { readonly requests: number; readonly everyMs: number } | null;
  /** Requests that may come at once, beyond the rate. */
  readonly burst: number;
  /** Requests that may run at a time. 0: no limit. */
  readonly connections: number;
  /** network: 256 IPv4 addresses count as one client, as do those of a /48 of IPv6. An IPv6 address is its /64 in any case. */
  readonly by: 'address' | 'network';
}

/** An HTTP server that answers. */
export interface ProxyOptions {
  /** "http://host:port", "https://host" or "unix:/path". */
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** The longest silence: before the answer, and between two pieces of it. 0: no limit. */
  readonly readTimeoutMs: number;
  /** Whether bodies are passed on as they arrive instead of when complete. */
  readonly streamUploads: boolean;
  /** Host that the server is told; null: that of the client. */
  readonly host: string | null;
}
