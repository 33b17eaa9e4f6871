// Who has an address that is in use: another service of this user, named so that it can be stopped.

import { PosternError } from '../errors.ts';
import { findInstances } from './instances.ts';

/** An ADDRESS_IN_USE error with the service that has the address; any other error as it is. */
export async function withOwner(error: unknown): Promise<Error> {
  if (!(error instanceof PosternError) || error.code !== 'ADDRESS_IN_USE') return error as Error;
  const owner = (await findInstances()).find(
    ({ status }) =>
      status.pid !== process.pid &&
      [...status.listeners.map(({ address }) => address), status.admin ?? ''].some((address) =>
        isNamed(error.message, address),
      ),
  );
  if (owner === undefined) return error;
  const { pid } = owner.status;
  const where = error.message.split(' is in use')[0];
  return new PosternError(
    'ADDRESS_IN_USE',
    `${where} is in use by the service with pid ${pid}: stop it with postern stop --pid ${pid}, or listen elsewhere`,
    { cause: error },
  );
}

function isNamed(message: string, address: string): boolean {
  const plain = address.replace(/^http:\/\//, '').replace(/\/$/, '');
  return plain !== '' && message.startsWith(`${plain} `);
}
