// A program that decides who may: a FastCGI authorizer (FastCGI 1.0, section 6.3), asked before anything is read of the body.
//
// authorizer       its 200 lets the request on; any other answer of its own is what the client gets (lighttpd's mode "authorizer", FcgidAuthorizer)
// authenticator    is given user and password (REMOTE_USER, REMOTE_PASSWD); other than 200 is 401 (FcgidAuthenticator)
// accessChecker    other than 200 is 403 (FcgidAccessChecker)
//
// A 200 with a Location is no 200. "Variable-NAME: value" of the 200 puts NAME into the environment of what follows.

import { PosternError } from '../errors.ts';
import type { CgiHead, CgiSink, Environment, Exchange } from '../protocol/cgi/exchange.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import type { AuthOptions, AuthorizerRole } from '../rules/rule.ts';
import type { Reply } from './reply.ts';

/** How a pool is asked. */
export type ProgramAuth = Extract<AuthOptions, { kind: 'pool' }>;

/** What an authorizer added to the environment of what follows; byte strings. */
export type AddedVariables = Readonly<Record<string, string>>;

/** As mod_fcgid calls it to the program. */
const apacheRoles: Readonly<Record<AuthorizerRole, string>> = {
  authorizer: 'AUTHORIZER',
  authenticator: 'AUTHENTICATOR',
  accessChecker: 'ACCESS_CHECKER',
};

/** Section 6.3: these are the responder's. */
const ofResponders = [
  'CONTENT_LENGTH',
  'PATH_INFO',
  'PATH_TRANSLATED',
  'SCRIPT_NAME',
  'SCRIPT_FILENAME',
  'DOCUMENT_URI',
];

/** What says which program runs, and on what: no Variable changes it. */
const settled =
  /^(?:SCRIPT_|PATH_|DOCUMENT_|REQUEST_|SERVER_|CONTENT_|HTTP_|QUERY_STRING$|GATEWAY_|PHP_(?:ADMIN_)?(?:VALUE|FLAG)$)/;

/** The environment of an authorizer, of that which a program at that path would get. */
export function authorizerEnvironment(
  environment: Environment,
  role: AuthorizerRole,
  who: { readonly user: string; readonly password: string } | null,
): Environment {
  const made: Environment = { ...environment, FCGI_ROLE: 'AUTHORIZER', FCGI_APACHE_ROLE: apacheRoles[role] };
  for (const name of ofResponders) delete made[name];
  if (who !== null) Object.assign(made, { AUTH_TYPE: 'Basic', REMOTE_USER: who.user, REMOTE_PASSWD: who.password });
  return made;
}

/** Takes the answer of an authorizer: where it refuses, its own answer may be the client's. */
export class AuthorizerAnswer implements CgiSink {
  readonly #reply: Reply;
  readonly #auth: ProgramAuth;
  readonly #onStderr: (chunk: Uint8Array) => void;
  readonly #settle = Promise.withResolvers<AddedVariables>();
  /** What is done at the end; null: the answer goes to the client. */
  #atEnd: (() => void) | null = null;
  #hasEnded = false;

  constructor(reply: Reply, auth: ProgramAuth, onStderr: (chunk: Uint8Array) => void) {
    this.#reply = reply;
    this.#auth = auth;
    this.#onStderr = onStderr;
  }

  /** Resolves when the request may go on, rejects when it may not; stays as it is where the client has got the program's own answer. */
  get decided(): Promise<AddedVariables> {
    return this.#settle.promise;
  }

  /** The client is to be able to stop it. */
  begins(exchange: Exchange): void {
    if (!this.#reply.isOver && !this.#hasEnded) this.#reply.producer = exchange;
  }

  head(head: CgiHead): void {
    const { status, headers } = head;
    if (status < 200) return;
    const isAllowed = status === 200 && fieldValue(headers, 'location') === undefined;
    if (isAllowed) {
      this.#atEnd = () => this.#settle.resolve(variablesOf(headers));
    } else if (this.#auth.role === 'authorizer') {
      // A 200 with a Location redirects, as it would by itself.
      this.#reply.head(status === 200 ? 302 : status, withoutVariables(headers), {
        reason: status === 200 ? '' : head.reason,
      });
    } else {
      this.#atEnd = () => this.#settle.reject(this.#refusal(status));
    }
  }

  write(chunk: Uint8Array): boolean {
    return this.#atEnd === null ? this.#reply.write(chunk) : true;
  }

  flush(): void {
    if (this.#atEnd === null && this.#reply.status !== 0) this.#reply.flush();
  }

  end(): void {
    this.#hasEnded = true;
    this.#reply.producer = null;
    if (this.#atEnd === null) this.#reply.end();
    else this.#atEnd();
  }

  fail(error: PosternError): void {
    this.#hasEnded = true;
    this.#reply.producer = null;
    if (this.#reply.status !== 0) this.#reply.fail(error);
    else this.#settle.reject(error);
  }

  stderr(chunk: Uint8Array): void {
    this.#onStderr(chunk);
  }

  #refusal(status: number): PosternError {
    const { pool, role, realm } = this.#auth;
    const message = `pool ${pool} answered ${status} as ${role}`;
    return role === 'accessChecker' ? new PosternError('FORBIDDEN', message) : unauthorized(realm, message);
  }
}

/** Somebody has to say who it is. @param realm what a browser shows; plain ASCII */
export function unauthorized(realm: string, message: string): PosternError {
  const authenticate = `Basic realm="${realm.replace(/["\\]/g, '\\$&')}", charset="UTF-8"`;
  return new PosternError('UNAUTHORIZED', message, { fields: { authenticate } });
}

function variablesOf(headers: readonly string[]): Record<string, string> {
  const variables: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const [, name] = /^variable-([A-Za-z_][A-Za-z0-9_]*)$/i.exec(headers[i]!) ?? [];
    if (name !== undefined && !settled.test(name)) variables[name] = headers[i + 1]!;
  }
  return variables;
}

function withoutVariables(headers: readonly string[]): string[] {
  return headers.filter((_, i) => !/^variable-/i.test(headers[i - (i % 2)]!));
}
