// The control socket of a service, and how a command asks it: HTTP over a Unix socket that only its owner can open.

import type { Server } from 'node:http';
import { join } from 'node:path';
import { adminHandler } from '../admin/admin-handler.ts';
import type { AdminControls, AdminSource, ReloadStatus, ServiceIdentity, ServiceStatus } from '../admin/source.ts';
import { listenOn } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { createServer } from './admin-listener.ts';

/** Without the rest of node:http: see `createServer`. */
const { request } = process.getBuiltinModule('node:http');

const socketName = 'control.sock';

/** Where the control socket of an instance is. */
export const controlPath = (directory: string): string => join(directory, socketName);

/** A control socket that is listened on. */
export interface Control {
  /** Stops listening and removes the socket. Repeatable. */
  close(): void;
}

/** Listens in an instance's directory, which must be private already. */
export async function startControl(directory: string, source: AdminSource, controls: AdminControls): Promise<Control> {
  const path = controlPath(directory);
  const server = createServer({ requestTimeout: 10_000 }, adminHandler(source, { controls }));
  await listenOn(server, { kind: 'unix', path }, { mode: 0o600 });
  return { close: () => stop(server) };
}

/** Asks a service for its status. */
export function askStatus(path: string, timeoutMs = 5_000): Promise<ServiceStatus> {
  return ask<ServiceStatus>(path, 'GET', '/status?format=json', timeoutMs);
}

/** Asks a service who it is, which costs it little however many pools it has. */
export function askIdentity(path: string, timeoutMs: number): Promise<ServiceIdentity> {
  return ask<ServiceStatus>(path, 'GET', '/status?format=json&pools=none', timeoutMs);
}

/** Asks a service to reload; `pools` are restarted though nothing changed, "*" is all. */
export function askReload(path: string, pools: readonly string[]): Promise<ReloadStatus> {
  const query = pools.map((pool) => `pool=${encodeURIComponent(pool)}`).join('&');
  return ask<ReloadStatus>(path, 'POST', `/reload?${query}`, 120_000);
}

/** Asks a service what a URL gets from the configuration that it has in force. */
export async function askExplanation(path: string, url: string): Promise<unknown> {
  const answer = await ask<{ error?: string }>(path, 'GET', `/explain?url=${encodeURIComponent(url)}`, 10_000);
  if (typeof answer.error === 'string' && Object.keys(answer).length === 1)
    throw new PosternError('CONFIG_INVALID', answer.error);
  return answer;
}

/** Asks a service to stop; it has begun when this resolves. */
export async function askStop(path: string): Promise<void> {
  await ask(path, 'POST', '/stop', 5_000);
}

function ask<Answer>(socketPath: string, method: string, path: string, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new PosternError('CONNECT_FAILED', `${socketPath}: ${error.message}`, { cause: error }));
    const asked = request({ socketPath, method, path, headers: { host: 'localhost' }, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('error', fail);
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(pieces).toString()) as Answer);
        } catch (error) {
          fail(error as Error);
        }
      });
    });
    asked.setTimeout(timeoutMs, () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    asked.on('error', fail);
    asked.end();
  });
}

function stop(server: Server): void {
  server.close();
  server.closeAllConnections();
}
