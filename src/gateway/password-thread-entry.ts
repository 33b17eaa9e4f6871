// The thread that compares passwords with their hashes: see `password-thread.ts`.

import { parentPort } from 'node:worker_threads';
import { isPassword } from '../rules/password-hash.ts';
import type { PasswordQuestion } from './password-thread.ts';

parentPort!.on('message', ({ id, password, hash }: PasswordQuestion) => {
  parentPort!.postMessage({ id, isRight: isPassword(password, hash) });
});
