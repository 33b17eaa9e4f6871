// What a front asks of whoever knows the certificates: with what a TLS connection is answered, and what programs are told of it.

import type { Server, TLSSocket, TlsOptions } from 'node:tls';
import type { ConnectionTls } from '../gateway/message.ts';
import type { ClientHello } from '../protocol/tls/client-hello.ts';

/** Keys of session tickets, each as in `TlsOptions.ticketKeys`: a name of 16 bytes, and two keys of 16. */
export interface TicketKeys {
  /** What new tickets are sealed with. */
  readonly current: Buffer;
  /** What those were sealed with that are still taken; null: there are none. */
  readonly former: Buffer | null;
}

/** How connections for one name are answered. One object for as long as nothing of it changes. */
export interface TlsContext {
  /** Certificate, key and settings; `ALPNProtocols` only where it is other than what the front speaks. */
  readonly options: TlsOptions;
  /** null: sessions are not resumed. */
  readonly ticketKeys: TicketKeys | null;
  /** What programs are told of a connection whose handshake is done. */
  describe(socket: TLSSocket): ConnectionTls;
}

/** The contexts of one listener. */
export interface TlsContexts {
  /** The context for what a client said first, at once wherever it can be; null: there is none for it. */
  contextFor(hello: ClientHello): TlsContext | null | Promise<TlsContext | null>;
}

/** The library's server of each context: it holds what OpenSSL made of the certificate, and listens nowhere. */
export class TlsServers {
  readonly #made = new WeakMap<TlsContext, Server>();
  readonly #make: (options: TlsOptions, context: TlsContext) => Server;

  constructor(make: (options: TlsOptions, context: TlsContext) => Server) {
    this.#make = make;
  }

  /** @throws what OpenSSL says of a certificate that it does not take */
  of(context: TlsContext): Server {
    let server = this.#made.get(context);
    if (server === undefined) {
      server = this.#make(context.options, context);
      this.#made.set(context, server);
    }
    return server;
  }
}
