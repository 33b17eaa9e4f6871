// `postern serve --tls`: the authority of this machine, and how people have their browsers trust it.

import type { AuthorityFiles } from '../certificates/local-authority.ts';
import { dataFolder } from '../config/state-folder.ts';

/** What it is, and what is to be said of it. */
export interface LocalTls {
  readonly files: AuthorityFiles;
  readonly notes: readonly string[];
}

/** @throws CONFIG_INVALID where it cannot be kept */
export async function localTls(): Promise<LocalTls> {
  const { isTrusted, openLocalAuthority } = await import('../certificates/local-authority.ts');
  const files = await openLocalAuthority(dataFolder());
  // What browsers keep for themselves is not known: who has imported it there reads the note once more.
  if (await isTrusted(files).catch(() => false)) return { files, notes: [] };
  return { files, notes: trusting(files.authority, process.platform) };
}

/** How browsers and commands come to trust an authority. */
function trusting(path: string, platform: NodeJS.Platform): string[] {
  const file = /^[\w./:\\-]+$/.test(path) ? path : `'${path}'`;
  return [
    `browsers trust its certificates when they trust ${file}, once:`,
    ...(platform === 'darwin'
      ? [`Safari and Chrome: security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ${file}`]
      : platform === 'win32'
        ? [`Edge and Chrome: certutil -user -addstore Root ${file}`]
        : [
            `Chromium and Chrome: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n postern -i ${file}`,
            `the system: sudo cp ${file} /usr/local/share/ca-certificates/postern.crt && sudo update-ca-certificates`,
          ]),
    'Firefox: Settings, Certificates, Authorities, Import',
    `curl: --cacert ${file}`,
  ];
}
