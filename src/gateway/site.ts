// One site as the gateway takes it: where its files are, which requests go to which backend, and its limits. Data, made by the service.

import type { Backend } from '../protocol/cgi/exchange.ts';
import type { Rule } from '../rules/rule.ts';
import type { CompressOptions } from './compression.ts';

/** Which requests a route takes, on the decoded and normalised path: see `protocol/http/path.ts`. Letters of a suffix match in either ASCII case. */
interface RouteMatch {
  readonly match: string;
}

/** Where a route looks for files, if not where its site does. */
interface RoutePlace {
  /** Absolute path of a folder; of a prefix route it is what stands at the prefix ("/blog/a.php" is a.php in it). @default the site's */
  readonly root?: string | null;
  /** @default the site's */
  readonly index?: readonly string[] | null;
}

/** A route to a backend. */
export interface BackendRoute extends RouteMatch, RoutePlace {
  /**
   * script: a file under the root is looked for. With a suffix or an exact path it is the one that matched; with a prefix it is
   * the first regular file on the way down, as in a cgi-bin folder. What follows is PATH_INFO.
   * mount: an application; SCRIPT_NAME is the matched path, PATH_INFO the rest, and no file is looked for. Not for a suffix.
   */
  readonly kind: 'script' | 'mount';
  readonly backend: Backend;
  /**
   * Ends of the names that the backend runs (".php"), whatever route leads to it: below a prefix the other files are files, and
   * its folders have an index. null: it runs any file. @default null
   */
  readonly extensions?: readonly string[] | null;
  /** Front controller of what the route matches, as `Site.fallback`. @default the site's */
  readonly fallback?: string | null;
  /** @default the site's */
  readonly maxBodyBytes?: number | null;
  /** The longest silence of the program. 0: no limit. @default the backend's */
  readonly readTimeoutMs?: number | null;
  /** How long a request may run. 0: no limit. @default the backend's */
  readonly requestTimeoutMs?: number | null;
  /** Whether bodies are passed on as they arrive instead of when complete. PHP cannot take one of unknown length. */
  readonly streamUploads: boolean;
  /** More CGI variables (text); they win over request headers and give way to computed variables. */
  readonly env: Readonly<Record<string, string>>;
}

/** A route to files, whatever other routes say. */
export interface FilesRoute extends RouteMatch, RoutePlace {
  readonly kind: 'files';
  /** Whether files are handed out whose names have a program's ending: their source. @default false */
  readonly source?: boolean;
}

/** A route to nowhere (404). */
interface DenyRoute extends RouteMatch {
  readonly kind: 'deny';
  /** The preset that it came from. */
  readonly preset?: string;
}

/** Where the requests that it matches go. The first route that matches decides. */
export type Route = BackendRoute | FilesRoute | DenyRoute;

/** A folder that programs may send files from with X-Sendfile or X-Accel-Redirect. */
export interface SendfileFolder {
  /** Absolute path. X-Sendfile names a file under it. */
  readonly folder: string;
  /** URL prefix by which X-Accel-Redirect calls the folder, with both slashes ("/protected/"); null: not by X-Accel-Redirect. */
  readonly prefix: string | null;
}

/** What a page of ours says. */
export interface PageAnswer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** A page at an exact path, before every route: ours, or one that a server elsewhere makes without a file. */
export type SitePage = {
  /** Of the URL, decoded: "/status". */
  readonly path: string;
  /** Addresses and networks that may ask besides this machine; null: everybody may. */
  readonly clients: readonly string[] | null;
} & (
  | {
      readonly kind: 'answer' /** @param query without its "?" */;
      readonly answer: (query: string) => Promise<PageAnswer>;
    }
  | { readonly kind: 'run'; readonly backend: Backend }
);

/** Where a site listens by HTTPS, at another port than 443. */
export interface SecurePlace {
  readonly port: number;
  /** Its ports by HTTP of which clients come to it by themselves. */
  readonly plainPorts: readonly number[];
}

/** What is asked of clients that come by TLS. */
export interface ClientCertificates {
  /** The connection must have been made under this rule: see `ConnectionTls.clientRule`. */
  readonly rule: string;
  /** Whether a client without a good certificate is refused. */
  readonly required: boolean;
}

/** One site. Texts are UTF-8, as in the configuration, whose schema has the defaults. */
export interface Site {
  readonly name: string;
  /** Where whoever came elsewhere is sent: "https" (the same name by HTTPS) or an origin; null: nowhere. */
  readonly redirect: string | null;
  /** Where "https" is, if the port is to be named; null: at 443, or nobody knows. */
  readonly secure: SecurePlace | null;
  /** What is asked of clients' certificates; null: nothing. */
  readonly clients: ClientCertificates | null;
  /** Absolute path of the document root; null: no files and no scripts, only mounts. */
  readonly root: string | null;
  /** Names that a folder's own address is looked for under, in order. */
  readonly index: readonly string[];
  /** Front controller: URL path of the script for paths that are neither file nor script; null: they are 404. */
  readonly fallback: string | null;
  readonly routes: readonly Route[];
  /** Pages of ours; no route is asked for their paths. @default none */
  readonly pages?: readonly SitePage[];
  /** What is asked before the routes. */
  readonly rules: readonly Rule[];
  /** What is compressed; null: nothing. */
  readonly compress: CompressOptions | null;
  /** The pools that rules ask who may, by name. */
  readonly authorizers: Readonly<Record<string, Backend>>;
  /** More CGI variables for every route. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders outside the root that symbolic links in it may lead to; "/" allows all. */
  readonly linkFolders: readonly string[];
  /** Path components that begin with a dot and are served nevertheless. */
  readonly visibleDotNames: readonly string[];
  /** Ends of names that are never served or run, in either ASCII case. */
  readonly hiddenSuffixes: readonly string[];
  /** Names that are never served or run. */
  readonly hiddenNames: readonly string[];
  /** Names that are served though another setting hides them. */
  readonly visibleNames: readonly string[];
  /**
   * Absolute paths of files that are never served or run, by whatever name they are asked for: configuration and log. In their
   * folders their copies are not either: see `own-files.ts`.
   */
  readonly hiddenFiles: readonly string[];
  /** Where programs may send files from. */
  readonly sendfile: readonly SendfileFolder[];
  /** Addresses and networks ("10.0.0.0/8") of proxies whose word of their clients is believed; "unix" for Unix sockets. */
  readonly trustedProxies: readonly string[];
  /** The fields that they tell by. */
  readonly proxyFields: 'X-Forwarded-*' | 'Forwarded';
  /**
   * Addresses and networks of web servers that may set PHP_VALUE and its kind, and the environment of processes, through a FastCGI
   * front; "unix" for Unix sockets.
   */
  readonly trustedPeers: readonly string[];
  /** Larger request bodies are refused with 413. 0: no limit. */
  readonly maxBodyBytes: number;
  /** A request body up to this size stays in memory, a larger one goes to a spool file. */
  readonly memoryBodyBytes: number;
  /** Folder of the spool files. */
  readonly spoolFolder: string;
  /** Longest pause between two pieces of a request body. 0: no limit. */
  readonly bodyTimeoutMs: number;
  /** Longest time that a client may take no byte of a waiting answer. 0: no limit. */
  readonly writeTimeoutMs: number;
  /** What a slow client may leave unread in memory, before the disk takes its answer or its program has to wait. */
  readonly answerBufferBytes: number;
  /** What of one answer of a program may lie on disk for a slow client, before the program has to wait. 0: no limit. */
  readonly answerSpoolBytes: number;
  /** The same of all answers of the site together. 0: no limit. */
  readonly answerSpoolTotalBytes: number;
  /**
   * Whether whoever looks at it develops it: a folder without an index is listed, and an empty answer above 499 shows on this machine
   * what its program wrote on STDERR.
   */
  readonly isDeveloped: boolean;
  /** Whether requests that come without a traceparent get one. @default false */
  readonly makesTraces?: boolean;
  /** For an access log in a format of its own: what its lines ask for, see `access-format.ts`. Without it no variables are looked at. @default none */
  readonly logs?: { readonly asks: readonly string[] };
  /** How long a path that was found on disk is believed to be still there. 0: looked for each time. */
  readonly pathCacheMs: number;
}
