// Tries a configuration out: one worker of each pool is started, one real request made to each site; the addresses are only looked at.

import { realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Faults } from '../backend/faults.ts';
import type { PlanContext, PoolPlan, WorkersPlan } from '../backend/plan.ts';
import { preparePools } from '../backend/plan.ts';
import { PoolSet } from '../backend/pool-set.ts';
import type { Unit } from '../backend/unit.ts';
import { certificateFindings } from '../certificates/certificates.ts';
import type { Config, ExaminedConfig } from '../config/config.ts';
import { formatListenAddress, parseListenAddress, urlOf } from '../config/listen-address.ts';
import type { PoolKind, PoolValues } from '../config/pool-schema.ts';
import { type Address, formatAddress } from '../connection/address.ts';
import { knock } from '../connection/knock.ts';
import { findInstances } from '../control/instances.ts';
import { runtimeBases } from '../control/runtime-base.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { AccessRecord } from '../gateway/request-log.ts';
import type { Log } from '../log.ts';
import { makeGateways, ownFiles } from '../sites/configured-gateways.ts';
import { innerGet } from '../sites/inner-request.ts';
import { ShellGuard } from '../worker/guard.ts';
import { openRuntimeDirectory } from '../worker/runtime-directory.ts';
import { openSpawner } from '../worker/spawner.ts';
import { whyUnbindable } from './bindable.ts';
import { exposedFindings } from './exposed-sources.ts';
import { type Finding, failed, fine, inParts, note } from './finding.ts';
import { iniFindings, settingNames, withUnknownSettings } from './ini-trial.ts';
import { memoryFindings, settingFindings, settingsOfPools } from './php-trial.ts';
import { unreadableRoots } from './readable.ts';

/** How long the answer of somebody who listens may take. */
const knockLimitMs = 2_000;
/** Somewhat less than the time after which a pool takes a request on a kept connection for unread. */
const unreadMs = 4_500;

/**
 * Tries it out; whatever was started has ended when this resolves.
 * @param config what is wrong with it is told together with what its pools and addresses show
 * @param who runs the pools, as `run` would have it
 * @param log gets what programs say on STDERR
 * @throws CONFIG_INVALID
 */
export async function checkService(
  config: Config | ExaminedConfig,
  who: Pick<PlanContext, 'asRoot' | 'poolUser'>,
  log: Log,
): Promise<Finding[]> {
  const plans = await preparePools(config, { ...who, embeddedWorkers: null }).catch(async (refusal: unknown) => {
    throw await withUnknownSettings(refusal, config, who);
  });
  const guard = new ShellGuard();
  const directory = openRuntimeDirectory(`${runtimeBases()[0]!}-check`, log, guard.mark);
  await directory.clear();
  const starter = openSpawner(guard);
  const context = { directory: directory.path, log, starter, faults: new Faults(log), frontThreads: 0 };
  const pools = new PoolSet({ ...context, onMadeAnew: () => {} });
  try {
    await pools.fill(plans.map(smallest));
    const broken = new Map<string, Error>();
    const found: Finding[] = [];
    const settings = await settingsOfPools(plans, config);
    const names = settingNames();
    // One after another, so that the time of each is its own.
    for (const unit of pools.units.values()) {
      found.push(...(await poolFindings(unit, broken)), ...(await iniFindings(unit.plan, config, names)));
      const own = settings.get(unit.plan.name);
      if (own !== undefined) found.push(...settingFindings(unit.plan.name, own, config));
    }
    found.push(...memoryFindings(plans, settings));
    found.push(...(await siteFindings(config, pools, broken, log)), ...ownFindings(config));
    const unreadable = await unreadableRoots(config);
    found.push(
      ...unreadable.map(({ site, message }) =>
        failedWith(`site ${site}`, message, 'give whoever reads it the permission'),
      ),
    );
    const certificates = (await certificateFindings(config, log)).map(({ state, subject, message }) => {
      if (state === 'ok') return fine(subject, message);
      const words = inParts(message, 'give it another one: see tls in [site.NAME]');
      return state === 'note' ? note(subject, ...words) : failed(subject, ...words);
    });
    return [...found, ...certificates, ...(await listenFindings(config))];
  } finally {
    await pools.close(2_000);
    await pools.destroy();
    directory.close();
    starter.close();
  }
}

/** One worker is enough to see whether it works. */
function smallest(plan: PoolPlan): PoolPlan {
  return plan.kind === 'workers' ? { ...plan, limits: { ...plan.limits, minWorkers: 1 } } : plan;
}

/** Starts a pool; one that fails is also noted in `broken`. */
async function poolFindings(unit: Unit, broken: Map<string, Error>): Promise<Finding[]> {
  const { plan } = unit;
  const subject = `pool ${plan.name}`;
  const notes = plan.warnings.map((message) => {
    const [what, mend] = inParts(message, `see user and php in [pool.${plan.name}], or leave it`);
    return note(subject, what, mend);
  });
  if (plan.kind === 'cgi') return [fine(subject, 'plain CGI: one process a request'), ...notes];
  if (plan.kind === 'connect') {
    const servers = await Promise.all(plan.servers.map(({ address }) => serverFinding(subject, address)));
    if (servers.every(({ state }) => state === 'failed'))
      broken.set(plan.name, new Error('no server takes connections'));
    return servers;
  }
  const began = performance.now();
  try {
    await unit.start();
    return [fine(subject, `${whatOf(plan, unit)}: ready after ${msSince(began)}`), ...notes];
  } catch (error) {
    broken.set(plan.name, error as Error);
    const byHand = `run its command by hand, as its user: what it says on STDERR is above`;
    return [failedWith(subject, (error as Error).message, byHand), ...notes];
  }
}

function failedWith(subject: string, message: string, otherwise: string): Finding {
  return failed(subject, ...inParts(message, otherwise));
}

/** A server elsewhere, of which more cannot be asked: PHP-FPM for one answers no FCGI_GET_VALUES. */
async function serverFinding(subject: string, address: Address): Promise<Finding> {
  const began = performance.now();
  const error = await knock(address, knockLimitMs);
  const where = formatAddress(address);
  if (error === null) return fine(subject, `${where}: takes connections, after ${msSince(began)}`);
  return failed(subject, `${where}: no connection (${error.message})`, 'start the server, or correct connect');
}

const msSince = (began: number): string => `${Math.round(performance.now() - began)} ms`;

function whatOf(plan: WorkersPlan, unit: Unit): string {
  if (plan.php === null) return unit.snapshot().program;
  return `PHP ${plan.php.version.text}, ${plan.php.path}, ${plan.php.reason}`;
}

async function siteFindings(
  config: Config,
  pools: PoolSet,
  broken: ReadonlyMap<string, Error>,
  log: Log,
): Promise<Finding[]> {
  const records: AccessRecord[] = [];
  const gateways = makeGateways(config, pools.units, log, {
    access: (record) => void records.push(record),
    count: null,
  });
  const findings: Finding[] = exposedFindings(config, gateways);
  for (const [name, gateway] of gateways) {
    for (const path of samplePaths(config, name)) {
      const url = new URL(path, `http://localhost`);
      const { status, bytes, error } = await innerGet(gateway.handle, url);
      const record = records.at(-1);
      // Its pool was reported already.
      if (record?.pool !== undefined && record.pool !== null && broken.has(record.pool)) continue;
      const finding = siteFinding(name, path, status, bytes, error?.message ?? null, record);
      findings.push(finding);
      if (finding.state === 'ok' && record?.pool != null && keepsConnections(config.values.pool[record.pool]))
        findings.push(await keptFinding(record.pool, gateway.handle, url, record.durationMs));
    }
  }
  return findings;
}

/** Whether the second request goes on the connection of the first: a program may leave that unread. */
function keepsConnections(pool: PoolValues | undefined): boolean {
  if (pool?.kind === 'php') return true;
  return (pool?.kind === 'command' || pool?.kind === 'connect') && pool.reuse !== 'never';
}

/** A second request, on the connection of the first: a program may leave that unread, and the pool notices after five seconds. */
async function keptFinding(pool: string, handler: HttpHandler, url: URL, firstMs: number): Promise<Finding> {
  const subject = `pool ${pool}`;
  const began = performance.now();
  const { status } = await innerGet(handler, url);
  const message = `a second request, on the kept connection`;
  if (performance.now() - began < firstMs + unreadMs)
    return fine(subject, `${message}: ${status} after ${msSince(began)}`);
  return note(subject, `${message}, was answered only after ${msSince(began)}`, 'set reuse = "never"');
}

/** The service's own files that a root holds: they are hidden, but a root of its own needs no such rule. */
function ownFindings(config: Config): Finding[] {
  return Object.entries(config.values.site).flatMap(([name, site]) => {
    const root = realPath(resolve(config.folder, site.root));
    return ownFiles(config)
      .filter((file) => join(realPath(dirname(file)), '/').startsWith(join(root, '/')))
      .map((file) =>
        note(
          `site ${name}`,
          `its root holds ${file}, which is hidden there`,
          'better serve a folder that holds only what may be seen',
        ),
      );
  });
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path; // it is not there yet
  }
}

/** The front page, and the address of each application that is mounted elsewhere. */
function samplePaths({ values }: Config, site: string): string[] {
  const mounts = (values.site[site]?.route ?? [])
    .filter((route) => route.kind === 'pool' && !isForFiles(values.pool[route.pool]!.kind))
    .flatMap(({ match }) => match)
    .filter((match) => /^\/[^*]*\*?$/.test(match))
    .map((match) => match.replace(/\*$/, ''));
  return [...new Set(['/', ...mounts])];
}

/** Whether such a pool runs files: what it answers elsewhere is not known. */
const isForFiles = (kind: PoolKind): boolean => kind === 'php' || kind === 'cgi';

function siteFinding(
  site: string,
  path: string,
  status: number,
  bytes: number,
  error: string | null,
  record: AccessRecord | undefined,
): Finding {
  const subject = `site ${site}`;
  const by = record?.pool == null ? '' : ` by pool ${record.pool}`;
  const took = record === undefined ? '' : `, ${Math.round(record.durationMs)} ms`;
  const what = `GET ${path}: ${status}, ${bytes} bytes${took}${by}`;
  if (error !== null) return failedWith(subject, `GET ${path}: cut off: ${error}`, 'see what the program says above');
  const { error: code = null, why = null } = record ?? {};
  if (status >= 500) {
    const whatever = code === null ? 'the program says so itself' : `${code}${why === null ? '' : `, ${why}`}`;
    return failedWith(subject, `${what}: ${whatever}`, 'see what the program says above, and its own log');
  }
  if (status === 404)
    return note(
      subject,
      `${what}: nothing is there`,
      `postern explain ${path} lists what was tried; correct root, index or fallback`,
    );
  if (status >= 400)
    return note(
      subject,
      `${what}: ${code ?? 'refused'}`,
      `postern explain ${path} says by which rule or route; leave it where that is meant`,
    );
  return fine(subject, what);
}

async function listenFindings({ values }: Config): Promise<Finding[]> {
  const texts = new Set([
    ...Object.values(values.site).flatMap(({ listen }) => listen.map(({ address }) => address)),
    ...(values.admin ? [values.admin.listen] : []),
  ]);
  const instances = await findInstances();
  return Promise.all(
    [...texts].map(parseListenAddress).map(async (listen): Promise<Finding> => {
      const subject = formatListenAddress(listen);
      const refused = await knock(listen.address, knockLimitMs);
      if (refused !== null && refused.code !== 'ETIMEDOUT') {
        const unbindable = await whyUnbindable(listen.address);
        if (unbindable !== null) return failed(subject, unbindable.message, unbindable.mend);
        return fine(subject, 'free');
      }
      const owner = instances.find(({ status }) =>
        [...status.listeners.map(({ address }) => address), status.admin].some(
          (address) => address === subject || address === urlOf(listen),
        ),
      );
      if (owner !== undefined)
        return note(
          subject,
          `in use by the service that runs with pid ${owner.status.pid}`,
          'leave it where that is the service of this configuration; else stop that',
        );
      return failed(subject, 'in use by another program', 'stop that, or choose another address');
    }),
  );
}
