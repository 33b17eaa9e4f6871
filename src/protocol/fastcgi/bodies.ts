// Bodies of the control records: BEGIN_REQUEST, END_REQUEST, UNKNOWN_TYPE and the values of GET_VALUES (FastCGI 1.0, sections 4 and 5). Pure.

import { PosternError } from '../../errors.ts';
import type { Environment, Role } from '../cgi/exchange.ts';
import { decodeNameValues, type NameValueLimits } from './name-values.ts';
import { CANT_MULTIPLEX, KEEP_CONNECTION, OVERLOADED, REQUEST_COMPLETE, roleOf, UNKNOWN_ROLE } from './record.ts';

/** What BEGIN_REQUEST says. */
export interface BeginBody {
  /** undefined: a role that is not in the specification, to be answered with UNKNOWN_ROLE. */
  readonly role: Role | undefined;
  /** Whether the connection stays open after the request. */
  readonly keepConnection: boolean;
}

/** What END_REQUEST says. */
export interface EndBody {
  /** As a program's exit status: 0 to 2^32 - 1. */
  readonly appStatus: number;
  /** 0 complete, 1 cannot multiplex, 2 overloaded, 3 unknown role. */
  readonly protocolStatus: number;
}

/** What an application can do, from its answer to GET_VALUES. undefined: it did not say. */
export interface ApplicationValues {
  /** FCGI_MAX_CONNS: connections at a time. */
  readonly maxConnections: number | undefined;
  /** FCGI_MAX_REQS: requests at a time. */
  readonly maxRequests: number | undefined;
  /** FCGI_MPXS_CONNS: whether it takes several requests on one connection at a time. */
  readonly multiplexes: boolean | undefined;
}

/** The names that the specification has for GET_VALUES. */
export const valueNames = ['FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS'] as const;

/** Limits on the pairs of one GET_VALUES or its result. */
const valuesLimits: NameValueLimits = { maxBytes: 8_192, maxPairs: 100 };

/** @param body the 8 bytes of a BEGIN_REQUEST */
export function decodeBegin(body: Buffer): BeginBody {
  return { role: roleOf((body[0]! << 8) | body[1]!), keepConnection: (body[2]! & KEEP_CONNECTION) !== 0 };
}

/** @param body the 8 bytes of an END_REQUEST */
export function decodeEnd(body: Buffer): EndBody {
  return { appStatus: body.readUInt32BE(0), protocolStatus: body[4]! };
}

/** The type that the application did not know. @param body the 8 bytes of an UNKNOWN_TYPE */
export function decodeUnknownType(body: Buffer): number {
  return body[0]!;
}

/**
 * The names asked for, from the content of a GET_VALUES.
 * @throws PROTOCOL_ERROR, PARAMS_TOO_LARGE
 */
export function decodeValueNames(body: Buffer): string[] {
  return Object.keys(decodeNameValues(body, valuesLimits));
}

/**
 * What an application can do, from the content of its GET_VALUES_RESULT; values that are no numbers count as not said.
 * @throws PROTOCOL_ERROR, PARAMS_TOO_LARGE
 */
export function decodeValues(body: Buffer): ApplicationValues {
  const values = decodeNameValues(body, valuesLimits);
  const multiplexes = count(values, 'FCGI_MPXS_CONNS');
  return {
    maxConnections: count(values, 'FCGI_MAX_CONNS'),
    maxRequests: count(values, 'FCGI_MAX_REQS'),
    multiplexes: multiplexes === undefined ? undefined : multiplexes === 1,
  };
}

/** Why a request was not carried out, from END_REQUEST's protocolStatus; null where it was. */
export function refusalOf(protocolStatus: number): PosternError | null {
  switch (protocolStatus) {
    case REQUEST_COMPLETE:
      return null;
    case CANT_MULTIPLEX:
      return new PosternError('CANT_MULTIPLEX', 'the application takes one request a connection at a time');
    case OVERLOADED:
      return new PosternError('OVERLOADED', 'the application has no room for another request');
    case UNKNOWN_ROLE:
      return new PosternError('UNKNOWN_ROLE', 'the application does not play the role that was asked for');
    default:
      return new PosternError(
        'PROTOCOL_ERROR',
        `END_REQUEST has protocol status ${protocolStatus}, which nobody knows`,
      );
  }
}

function count(values: Environment, name: string): number | undefined {
  const text = values[name];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
