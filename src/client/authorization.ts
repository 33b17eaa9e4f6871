// What an authorizer decided (FastCGI 1.0, section 6.3). Pure.

import type { Answer } from './answer.ts';

/** A decision. */
export interface Authorization {
  /** Status 200; with any other one the answer is what the client gets. */
  readonly isAllowed: boolean;
  /** Variables for the request that follows, from `Variable-NAME` fields; empty where it is not allowed. */
  readonly variables: Readonly<Record<string, string>>;
  /** The whole answer. */
  readonly answer: Answer;
}

const PREFIX = 'variable-';

/** Reads the decision from an authorizer's answer. */
export function authorizationOf(answer: Answer): Authorization {
  const isAllowed = answer.status === 200;
  const variables: Record<string, string> = Object.create(null);
  for (const [name, value] of isAllowed ? answer.headers : []) {
    if (name.toLowerCase().startsWith(PREFIX)) variables[name.slice(PREFIX.length)] = value;
  }
  return { isAllowed, variables, answer };
}
