// A client that asks once by TLS, and tells what there is to be told of the connection.

import { type ConnectionOptions, connect } from 'node:tls';
import { testAuthority } from './certificates.ts';

/** What came of it. */
export interface Asked {
  readonly status: number;
  readonly text: string;
  readonly headers: string;
  readonly protocol: string | null;
  readonly isResumed: boolean;
  /** To resume the connection by. */
  readonly session: Buffer | undefined;
  /** SHA-256 of the certificate, in hex. */
  readonly fingerprint: string;
}

/** What is asked. */
export interface Asking {
  /** For which name the connection is made; also the Host, where none is given. */
  readonly name?: string;
  readonly host?: string;
  readonly path?: string;
  readonly options?: ConnectionOptions;
}

/** Sends one GET to a port of 127.0.0.1. @throws what went wrong with the connection */
export async function askByTls(port: number, { name, host = name, path = '/', options = {} }: Asking): Promise<Asked> {
  const ca = (await testAuthority()).certificate;
  const named = name === undefined ? { checkServerIdentity: () => undefined } : { servername: name };
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, ...named, ...options });
    let session: Buffer | undefined;
    let received = '';
    let about: Pick<Asked, 'protocol' | 'isResumed' | 'fingerprint'>;
    const timer = setTimeout(() => socket.destroy(new Error(`no answer: ${received}`)), 20_000);
    socket.on('session', (ticket: Buffer) => (session = ticket));
    socket.on('secureConnect', () => {
      const fingerprint = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '';
      about = { protocol: socket.getProtocol(), isResumed: socket.isSessionReused(), fingerprint };
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      const [headers = '', text = ''] = received.split('\r\n\r\n');
      const status = Number(headers.split(' ')[1]);
      if (received === '') reject(new Error('the connection was closed without an answer'));
      else resolve({ ...about, status, text, headers, session });
    });
  });
}
