// What one case asks of every peer: the same site, the same number of workers, a folder and a port of its own.

/** How a peer is to be set up for a case. */
export interface Stack {
  /** A private folder for configuration, sockets and logs. */
  readonly folder: string;
  /** Where the peer listens, on 127.0.0.1. */
  readonly port: number;
  /** The document root. */
  readonly root: string;
  /** PHP processes, or null responders. */
  readonly workers: number;
  /** The null responder, to be mounted at `/null`; null: this case runs none. */
  readonly responder: string | null;
  /** Client connections that the case opens at most. */
  readonly connections: number;
  /** Whether the workers are to be started by the first requests, where the peer can do so. */
  readonly cold: boolean;
  /** Whether the peer is to be started without a configuration, where it can be. */
  readonly zeroConfiguration: boolean;
  /** Where TLS is spoken, beside the port where it is not; null: this case has none. */
  readonly secure: SecurePort | null;
}

/** A port with TLS. There, answers of type text/html are compressed with gzip. */
export interface SecurePort {
  readonly port: number;
  /** Files in PEM: certificate and key. */
  readonly certificate: string;
  readonly key: string;
}

/** What a case says of its stack; the rest is decided when it runs. */
export interface StackShape {
  /** @default 8 */
  readonly workers?: number;
  /** @default 'php' */
  readonly application?: 'php' | 'null';
  /** @default 'plain' */
  readonly site?: 'plain' | 'wordpress';
  /** @default 8 */
  readonly connections?: number;
  /** @default false */
  readonly cold?: boolean;
  /** @default false */
  readonly zeroConfiguration?: boolean;
  /** Whether TLS is spoken, too. @default false */
  readonly secure?: boolean;
}
