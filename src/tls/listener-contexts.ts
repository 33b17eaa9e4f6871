// The TLS contexts of the listeners of one thread: from the name that a client asks for to its site, and to that site's certificate and rule about clients.

import type { TLSSocket, TlsOptions } from 'node:tls';
import type { TicketKeys, TlsContext, TlsContexts } from '../front/tls-contexts.ts';
import type { ConnectionTls } from '../gateway/message.ts';
import { HostTable, type NamedSite } from '../protocol/http/host-table.ts';
import type { ClientHello } from '../protocol/tls/client-hello.ts';
import type { Certificate } from './certificate.ts';
import { type ClientRule, describeConnection, ruleSettings } from './client-rule.ts';
import { MadeForNames } from './made-for-names.ts';
import { ProofFolder, proofProtocol } from './proof-folder.ts';
import { type TicketSecrets, ticketKeys } from './ticket-keys.ts';
import type { SiteTls, TlsMaterial } from './tls-material.ts';
import { tlsSettings } from './tls-settings.ts';

/** What is in force in one thread, for all its listeners. */
export class TlsInForce {
  /** null: there is none yet. */
  #material: TlsMaterial | null = null;
  /** What was made of certificates, as long as they are the same. */
  #made = new WeakMap<readonly Certificate[], SiteContext>();
  readonly #madeForNames = new MadeForNames();

  /** Puts other material in force: for the next connection. */
  use(material: TlsMaterial): void {
    // The current one alone: the other changes with it.
    const current = this.#material?.secrets.current;
    if (current !== undefined && !Buffer.from(material.secrets.current).equals(current)) this.#made = new WeakMap();
    this.#material = material;
  }

  /** The proof that an authority asks for; null: nobody asked it to. */
  async proofFor(name: string | null): Promise<TlsContext | null> {
    const proofFolder = this.#material?.proofFolder ?? null;
    if (name === null || proofFolder === null) return null;
    const proof = await new ProofFolder(proofFolder).certificateFor(name);
    return proof === null ? null : new ProofContext(proof);
  }

  /** The context of a site for a name; null: the site has no certificate. */
  contextOf(site: string, name: string | null): TlsContext | null | Promise<TlsContext | null> {
    const tls = this.#material?.sites.get(site);
    if (tls === undefined) return null;
    const own = name === null ? undefined : tls.byName.get(name);
    if (own !== undefined) return this.#make(own, tls);
    if (tls.maker !== null && name !== null) {
      return this.#madeForNames.of(name, tls.maker).then((made) => this.#make(made ?? tls.certificates, tls));
    }
    return this.#make(tls.certificates, tls);
  }

  #make(certificates: readonly Certificate[], { rule }: SiteTls): SiteContext | null {
    if (this.#material === null || certificates.length === 0) return null;
    let context = this.#made.get(certificates);
    if (context === undefined || context.rule?.id !== rule?.id) {
      context = new SiteContext(certificates, rule, this.#material.secrets);
      this.#made.set(certificates, context);
    }
    return context;
  }
}

/** The contexts of one listener. */
export class ListenerContexts implements TlsContexts {
  readonly #inForce: TlsInForce;
  #table = new HostTable([]);
  #first: string | null = null;

  constructor(inForce: TlsInForce) {
    this.#inForce = inForce;
  }

  /** Other sites are behind the listener from now on. */
  use(sites: readonly NamedSite[], table: HostTable): void {
    this.#table = table;
    this.#first = sites[0]?.site ?? null;
  }

  contextFor({ serverName, protocols }: ClientHello): TlsContext | null | Promise<TlsContext | null> {
    if (protocols.includes(proofProtocol)) return this.#inForce.proofFor(serverName);
    // A name that is nobody's gets a certificate all the same, and 421 by HTTP: whoever asks is told what is wrong.
    const site = (serverName === null ? this.#table.fallback : this.#table.siteNamed(serverName)) ?? this.#first;
    return site === null ? null : this.#inForce.contextOf(site, serverName);
  }
}

class SiteContext implements TlsContext {
  readonly options: TlsOptions;
  readonly ticketKeys: TicketKeys;
  readonly rule: ClientRule | null;

  constructor(certificates: readonly Certificate[], rule: ClientRule | null, secrets: TicketSecrets) {
    const id = rule?.id ?? 'none';
    this.rule = rule;
    this.ticketKeys = ticketKeys(secrets, id);
    this.options = {
      ...tlsSettings(certificates, this.ticketKeys.current, id),
      ...(rule !== null && ruleSettings(rule)),
    };
  }

  describe(socket: TLSSocket): ConnectionTls {
    return describeConnection(socket, this.rule);
  }
}

class ProofContext implements TlsContext {
  readonly options: TlsOptions;
  readonly ticketKeys = null;

  constructor({ chain, key }: Certificate) {
    this.options = { cert: Buffer.from(chain), key: Buffer.from(key), ALPNProtocols: [proofProtocol] };
  }

  describe(): ConnectionTls {
    return { variables: {}, clientRule: null, isClientKnown: false };
  }
}
