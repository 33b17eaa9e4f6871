// What is sent to an authority is signed (RFC 8555, section 6.2; RFC 7515): ES256 with the account's key, HS256 where a contract elsewhere is told. Pure.

import { createHash, createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** What a signature covers besides the payload. */
export interface Protected {
  readonly url: string;
  readonly nonce: string;
  /** Address of the account; null: it is not known yet, and its key is sent. */
  readonly account: string | null;
}

/** A contract that the authority knows already (RFC 8555, section 7.3.4). */
export interface ExternalAccount {
  readonly id: string;
  /** base64url. */
  readonly key: string;
}

/** A public key as RFC 7517 has it, its members in the order that its thumbprint wants. */
interface PublicJwk {
  readonly crv: string;
  readonly kty: string;
  readonly x: string;
  readonly y: string;
}

/** A signed request. @param payload null: there is none, the answer is only asked for (section 6.3) */
export function signed(payload: unknown, { url, nonce, account }: Protected, key: KeyObject): string {
  const who = account === null ? { jwk: jwkOf(key) } : { kid: account };
  return envelope({ alg: 'ES256', ...who, nonce, url }, payload, (input) =>
    sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }),
  );
}

/** What binds a new account to a contract. */
export function binding({ id, key }: ExternalAccount, url: string, accountKey: KeyObject): unknown {
  const secret = Buffer.from(key, 'base64url');
  const text = envelope({ alg: 'HS256', kid: id, url }, jwkOf(accountKey), (input) =>
    createHmac('sha256', secret).update(input).digest(),
  );
  return JSON.parse(text);
}

/** What an authority wants to see for a token (section 8.1). */
export function keyAuthorization(token: string, accountKey: KeyObject): string {
  const thumbprint = createHash('sha256')
    .update(JSON.stringify(jwkOf(accountKey)))
    .digest('base64url');
  return `${token}.${thumbprint}`;
}

function jwkOf(key: KeyObject): PublicJwk {
  const { crv = '', kty = '', x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
  return { crv, kty, x, y };
}

function envelope(head: object, payload: unknown, signIt: (input: string) => Buffer): string {
  const protectedHead = base64url(JSON.stringify(head));
  const body = payload === null ? '' : base64url(JSON.stringify(payload));
  const signature = signIt(`${protectedHead}.${body}`).toString('base64url');
  return JSON.stringify({ protected: protectedHead, payload: body, signature });
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
