// The certificates of a service: from what each site's configuration says to what its listeners answer with, kept fresh while it runs.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AutomaticCertificates } from '../acme/automatic-certificates.ts';
import type { CertificateStatus } from '../admin/source.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { keyName, type Path } from '../config/problem.ts';
import type { SiteValues } from '../config/site-schema.ts';
import { toPosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import { certificatesOf, namesMissing, readCertificate } from '../tls/certificate.ts';
import { CertificateFiles, type ReadFile } from '../tls/certificate-files.ts';
import type { CertificateSource } from '../tls/certificate-source.ts';
import { type ClientRule, clientRule, isRevokedList } from '../tls/client-rule.ts';
import { TicketSecret } from '../tls/ticket-keys.ts';
import type { TlsMaterial } from '../tls/tls-material.ts';
import { acmeFindings, acmeSettings, automaticNames, settingsKey } from './acme-sites.ts';
import { LocalCertificates } from './local-authority.ts';

/** How often it is looked whether a file has changed, a certificate is due, or the secret of tickets is old. */
const refreshMs = 5_000;

type TlsValues = Exclude<NonNullable<SiteValues['tls']>, 'auto'>;
type TlsFiles = Extract<TlsValues, { certificate: unknown }>;
type TlsAuthority = Extract<TlsValues, { authority: unknown }>;

/** A site's source of certificates, and its rule about clients. */
interface SiteSource {
  readonly source: CertificateSource;
  readonly rule: ClientRule | null;
}

/** The sources of one configuration's sites. */
export interface SiteSources {
  readonly sites: ReadonlyMap<string, SiteSource>;
  /** Who gets those that are got by themselves; null: there are none. */
  readonly automatic: AutomaticCertificates | null;
  readonly names: readonly string[];
}

const noSources: SiteSources = { sites: new Map(), automatic: null, names: [] };

/** The certificates of one service, over all its configurations. */
export class Certificates {
  readonly #log: Log;
  readonly #read: ReadFile;
  readonly #secret: TicketSecret;
  /** Told when the material in force has changed. */
  readonly #onChange: (material: TlsMaterial) => void;
  #inForce: SiteSources = noSources;
  /** With which settings the automatic ones are got. */
  readonly #keys = new WeakMap<AutomaticCertificates, string>();
  /** Of what sources the listeners have what; of those in force, and of those that are to be. */
  #given = new WeakMap<SiteSources, readonly unknown[]>();
  /** What kept a site from being refreshed, by site. */
  readonly #troubles = new Map<string, string>();
  readonly #clock: Clock;
  #timer: Timer | null = null;

  /** @param read gives the bytes of a file. @default as this user may read it */
  constructor(
    log: Log,
    onChange: (material: TlsMaterial) => void,
    read: ReadFile = readFile,
    clock: Clock = systemClock,
  ) {
    this.#clock = clock;
    this.#secret = new TicketSecret(clock);
    this.#log = log;
    this.#onChange = onChange;
    this.#read = read;
  }

  /**
   * Reads what a configuration names; nothing is in force yet.
   * @param isLook nothing is made for it, such as folders
   * @throws CONFIG_INVALID with file and line
   */
  async prepare(config: Config, isLook = false): Promise<SiteSources> {
    const automatic = await this.#automaticFor(config, isLook);
    const entries = Object.entries(config.values.site).filter(([, { tls }]) => tls !== undefined);
    const made = await Promise.all(
      entries.map(async ([name, site]) => [name, await this.#siteSource(name, site, config, automatic)] as const),
    );
    return { sites: new Map(made), automatic, names: [...automaticNames(config.values).values()].flat() };
  }

  /** What listeners are to be given for these sources. */
  materialOf(sources: SiteSources): TlsMaterial {
    this.#given.set(sources, this.#parts(sources));
    const { automatic } = sources;
    const sites = [...sources.sites].map(([name, { source, rule }]) => [name, { ...source.served, rule }] as const);
    return { secrets: this.#secret.secrets, sites: new Map(sites), proofFolder: automatic?.proofFolder ?? null };
  }

  /** The listeners were given the material of these sources; they are kept fresh from now on, and told at once what is new since then. */
  use(sources: SiteSources): void {
    const before = this.#inForce.automatic;
    this.#inForce = sources;
    if (before !== sources.automatic) void before?.close();
    sources.automatic?.use(sources.names, before === sources.automatic);
    if (sources.sites.size === 0) this.#stop();
    else this.#timer ??= this.#clock.every(refreshMs, () => void this.#refresh());
    this.#tell();
  }

  status(): CertificateStatus[] {
    return [...this.#inForce.sites].flatMap(([site, { source }]) =>
      source.status().map(({ notBefore, notAfter, ...one }) => ({
        site,
        name: one.names[0] ?? '',
        ...one,
        issuedAt: notBefore,
        expiresAt: notAfter,
      })),
    );
  }

  /** Nothing is looked at any more, and no order is on its way. Repeatable. */
  async close(): Promise<void> {
    this.#stop();
    await this.#inForce.automatic?.close();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  async #refresh(): Promise<void> {
    this.#secret.rotate();
    const { sites, automatic } = this.#inForce;
    await Promise.all([
      automatic?.refresh(),
      ...[...sites].map(([name, { source }]) => this.#refreshSite(name, source)),
    ]);
    this.#tell();
  }

  /** One that fails goes on with what it has, and harms no other. Never rejects. */
  async #refreshSite(site: string, source: CertificateSource): Promise<void> {
    try {
      await source.refresh();
      this.#troubles.delete(site);
    } catch (error) {
      const { message } = error as Error;
      if (this.#troubles.get(site) === message) return;
      this.#troubles.set(site, message);
      this.#log.error({ site }, `the certificates of before go on, no others can be had: ${message}`);
    }
  }

  /** Passes on what has changed since it was last given. */
  #tell(): void {
    const given = this.#given.get(this.#inForce) ?? [];
    if (this.#timer === null || this.#parts(this.#inForce).every((part, at) => part === given[at])) return;
    // Material that was made for a reload may be in the listeners already: it is to be given once more.
    this.#given = new WeakMap();
    this.#onChange(this.materialOf(this.#inForce));
  }

  #parts({ sites }: SiteSources): readonly unknown[] {
    return [this.#secret.secrets, ...[...sites.values()].map(({ source }) => source.served)];
  }

  /** One for the same settings goes on over reloads. */
  async #automaticFor(config: Config, isLook: boolean): Promise<AutomaticCertificates | null> {
    if (automaticNames(config.values).size === 0) return null;
    const settings = await refusing(config, ['acme', 'ca'], () => acmeSettings(config, this.#read));
    const key = settingsKey(settings);
    const { automatic: before } = this.#inForce;
    if (before !== null && this.#keys.get(before) === key) return before;
    // What speaks with authorities is loaded where a site asks one.
    const { AutomaticCertificates } = await import('../acme/automatic-certificates.ts');
    const made = new AutomaticCertificates(settings, this.#log, () => this.#tell());
    this.#keys.set(made, key);
    if (!isLook) await refusing(config, ['acme', 'store'], () => made.open());
    return made;
  }

  async #siteSource(
    name: string,
    site: SiteValues,
    config: Config,
    automatic: AutomaticCertificates | null,
  ): Promise<SiteSource> {
    const { tls } = site;
    const source = tls === 'auto' ? await automatic!.source(site.host) : await this.#sourceOf(name, tls!, config);
    return { source, rule: await this.#ruleOf(name, site, config) };
  }

  #sourceOf(name: string, tls: TlsValues, config: Config): Promise<CertificateSource> {
    return 'authority' in tls ? this.#localOf(name, tls, config) : this.#filesOf(name, tls, config);
  }

  async #localOf(name: string, { authority, key }: TlsAuthority, config: Config): Promise<CertificateSource> {
    const [path, keyPath] = [resolve(config.folder, authority), resolve(config.folder, key)];
    return refusing(config, ['site', name, 'tls'], async () => {
      const { chain, key: keyBytes } = readCertificate(await this.#read(path), await this.#read(keyPath), {
        certificate: path,
        key: keyPath,
      });
      return LocalCertificates.make({ certificate: chain, key: keyBytes }, path);
    });
  }

  async #filesOf(name: string, { certificate, key }: TlsFiles, config: Config): Promise<CertificateSource> {
    const paths = certificate.map((path, index) => ({
      certificate: resolve(config.folder, path),
      key: resolve(config.folder, key[index]!),
    }));
    const files = new CertificateFiles(paths, this.#read, this.#log);
    await refusing(config, ['site', name, 'tls'], () => files.load());
    return files;
  }

  async #ruleOf(name: string, { clientCertificates }: SiteValues, config: Config): Promise<ClientRule | null> {
    if (clientCertificates === undefined) return null;
    const { authority, revoked, user } = clientCertificates;
    const path = ['site', name, 'clientCertificates'];
    return refusing(config, path, async () => {
      const file = resolve(config.folder, authority);
      const pem = await this.#read(file);
      if (certificatesOf(pem, file).length === 0) throw new Error(`${file} holds no certificate in PEM`);
      const lists = revoked === undefined ? null : await this.#read(resolve(config.folder, revoked));
      if (lists !== null && !isRevokedList(lists))
        throw new Error(
          `${resolve(config.folder, revoked!)} holds no list of revoked certificates in PEM ("-----BEGIN X509 CRL-----")`,
        );
      return clientRule(pem, lists, user ?? null);
    });
  }
}

/** What `check` finds of the certificates of a configuration. */
export async function certificateFindings(
  config: Config,
  log: Log,
): Promise<{ readonly state: 'ok' | 'note' | 'failed'; readonly subject: string; readonly message: string }[]> {
  const certificates = new Certificates(log, () => {});
  let sources: SiteSources;
  try {
    sources = await certificates.prepare(config, true);
  } catch (error) {
    return [{ state: 'failed', subject: 'certificates', message: (error as Error).message }];
  }
  const notes = acmeFindings(config.values).map(({ site, message }) => ({
    state: 'note' as const,
    subject: `site ${site}`,
    message,
  }));
  const found = [...sources.sites].flatMap(([site, { source }]) => {
    const subject = `site ${site}`;
    const all = source.status();
    const names = all.flatMap((one) => one.names);
    const missing = all.length === 0 ? [] : namesMissing({ ...all[0]!, names }, config.values.site[site]!.host);
    return [
      ...all.map(({ from, notAfter, trouble }) => {
        const until = new Date(notAfter).toISOString().slice(0, 10);
        const message = `${from}: ${trouble ?? `for ${names.join(', ')}, until ${until}`}`;
        return { state: trouble === null ? ('ok' as const) : ('note' as const), subject, message };
      }),
      ...missing.map((name) => ({
        state: 'note' as const,
        subject,
        message: `${all[0]!.from} is not for "${name}": its clients will refuse it`,
      })),
    ];
  });
  return [...notes, ...found];
}

/** Does something that the configuration asked for there. @throws CONFIG_INVALID with file and line */
async function refusing<Value>(config: Config, path: Path, act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (error) {
    throw config.refusal({ path, message: `${keyName(path)}: ${toPosternError(error).message}` });
  }
}
