// Every kind of pool whose program speaks CGI or FastCGI against the same suite.

import { type BackendTraits, backendConformance } from './backend.ts';
import { connectPool, type MakePool, managedPool, plainCgiPool } from './kinds.ts';

function run(name: string, makePool: MakePool, traits: BackendTraits): void {
  const makeBackend: Parameters<typeof backendConformance>[1] = async (t, { folder, requestTimeoutMs }) => {
    const limits = { seats: 2, queue: 2, queueTimeoutMs: 20_000, requestTimeoutMs, readTimeoutMs: 0 };
    return (await makePool(t, folder, limits)).backend;
  };
  backendConformance(name, makeBackend, traits);
}

run('pool', managedPool, { speaksFastcgi: true });
run('remote FastCGI server', connectPool, { speaksFastcgi: true });
run('plain CGI', plainCgiPool, { speaksFastcgi: false, limitMs: 3_000 });
