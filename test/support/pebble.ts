// Let's Encrypt's test authority as a peer: pebble (Debian's package), which looks at ports of this machine, with a name server that knows every name.

import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { testAuthority, testCertificate, writeCertificate } from './certificates.ts';
import { findProgram, temporaryFolder } from './folder.ts';
import { freePort, startServer } from './server-process.ts';

/** Why there is no pebble here; undefined: there is. */
export const noPebble: string | undefined =
  findProgram('pebble') === null || findProgram('pebble-challtestsrv') === null
    ? 'pebble is missing: apt-get install pebble'
    : undefined;

export interface Pebble {
  /** URL of its directory. */
  readonly directory: string;
  /** The file that its own certificate is checked with. */
  readonly ca: string;
  /** Where it looks by HTTP-01, and by TLS-ALPN-01. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** All that it has printed. */
  output(): string;
  /** The certificate of its root, which is another one at each start. */
  root(): Promise<Buffer>;
  /** From now on a name leads to an address where nobody is, or to this machine again. */
  lead(name: string, where: 'nowhere' | 'here'): Promise<void>;
}

/** How it behaves. */
export interface PebbleOptions {
  /** Nonces that it refuses though they are good, of a hundred. @default 20 */
  readonly refusedNonces?: number;
  /** Key identifier -> MAC key: it wants one of these accounts. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
}

/** Starts it. It validates for real, and pauses between questions as it likes. */
export async function startPebble(t: { after: TestContext['after'] }, options: PebbleOptions = {}): Promise<Pebble> {
  const { refusedNonces = 20, externalAccounts } = options;
  const folder = temporaryFolder(t);
  const [port, management, httpPort, tlsPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const [names, nameManagement] = [await freePort(), await freePort()];
  const own = writeCertificate(folder, 'own', await testCertificate(['localhost', '127.0.0.1']));
  writeFileSync(join(folder, 'ca.pem'), (await testAuthority()).certificate);
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(folder, own.certificate),
    privateKey: join(folder, own.key),
    httpPort,
    tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: externalAccounts !== undefined,
    ...(externalAccounts !== undefined && { externalAccountMACKeys: externalAccounts }),
  };
  writeFileSync(join(folder, 'pebble.json'), JSON.stringify({ pebble: config }));
  const [dns, api] = [`127.0.0.1:${names}`, `127.0.0.1:${nameManagement}`];
  const unused = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];
  await startServer(t, ['pebble-challtestsrv', '-dns01', dns, '-management', api, ...unused], nameManagement);
  const environment = {
    PEBBLE_WFE_NONCEREJECT: String(refusedNonces),
    PEBBLE_AUTHZREUSE: '50',
    PEBBLE_VA_SLEEPTIME: '2',
  };
  const started = await startServer(
    t,
    [
      'env',
      ...Object.entries(environment).map(([key, value]) => `${key}=${value}`),
      'pebble',
      '-strict',
      '-dnsserver',
      dns,
      '-config',
      join(folder, 'pebble.json'),
    ],
    port,
  );
  const get = async (url: string): Promise<Buffer> => {
    const { certificate: ca } = await testAuthority();
    return new Promise((resolve, reject) => {
      const asked = request(url, { ca }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve(Buffer.concat(chunks)));
      });
      asked.on('error', reject);
      asked.end();
    });
  };
  return {
    directory: `https://127.0.0.1:${port}/dir`,
    ca: join(folder, 'ca.pem'),
    httpPort,
    tlsPort,
    output: started.output,
    root: () => get(`https://127.0.0.1:${management}/roots/0`),
    lead: async (name, where) => {
      const address = where === 'here' ? '127.0.0.1' : '127.0.0.9';
      const body = JSON.stringify({ host: `${name}.`, addresses: [address] });
      await fetch(`http://${api}/clear-a`, { method: 'POST', body: JSON.stringify({ host: `${name}.` }) });
      const { status } = await fetch(`http://${api}/add-a`, { method: 'POST', body });
      if (status !== 200) throw new Error(`the name server answered ${status}`);
    },
  };
}
