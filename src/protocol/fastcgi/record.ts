// The FastCGI record: its header, types, roles and statuses, and the bodies of the control records: BEGIN_REQUEST, END_REQUEST, UNKNOWN_TYPE
// and the values of GET_VALUES (FastCGI 1.0, sections 3.3, 4, 5 and 8). Pure.
//
//    0        1        2        3        4        5        6        7
//   +--------+--------+--------+--------+--------+--------+--------+--------+
//   | version|  type  |   request id    |  content length |padding |reserved|
//   +--------+--------+--------+--------+--------+--------+--------+--------+
//   | content (0 to 65,535 bytes)                                           |
//   | padding (0 to 255 bytes, ignored by who reads them)                   |
//   +-----------------------------------------------------------------------+
//
// Numbers are big-endian. Request id 0 is the connection itself (management records); all others are requests.

import { PosternError } from '../../errors.ts';
import type { Environment, Role } from '../cgi/exchange.ts';
import { decodeNameValues, type NameValueLimits } from './name-values.ts';

/** The only version there is. */
export const VERSION = 1;
/** Bytes of a record's header. */
export const HEADER_BYTES = 8;
/** Content of one record at most. */
export const MAX_CONTENT_BYTES = 65_535;
/** Request id of management records. */
export const MANAGEMENT_ID = 0;

export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
export const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const DATA = 8;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

/** Types whose content is a stream: cut anywhere, over any number of records, closed by an empty one. */
export type StreamType = typeof PARAMS | typeof STDIN | typeof STDOUT | typeof STDERR | typeof DATA;

/** Name of each type, by its number; for messages. */
export const typeNames: readonly string[] = [
  'type 0',
  'BEGIN_REQUEST',
  'ABORT_REQUEST',
  'END_REQUEST',
  'PARAMS',
  'STDIN',
  'STDOUT',
  'STDERR',
  'DATA',
  'GET_VALUES',
  'GET_VALUES_RESULT',
  'UNKNOWN_TYPE',
];

/** A type as text, also one that nobody knows. */
export function formatType(type: number): string {
  return typeNames[type] ?? `type ${type}`;
}

/** BEGIN_REQUEST's flag: the application leaves the connection open after the request. */
export const KEEP_CONNECTION = 1;

/** Roles in BEGIN_REQUEST. */
export const roleNumbers: Readonly<Record<Role, number>> = { responder: 1, authorizer: 2, filter: 3 };

/** The role of a number in BEGIN_REQUEST; undefined for one that is not in the specification. */
export function roleOf(number: number): Role | undefined {
  return number === 1 ? 'responder' : number === 2 ? 'authorizer' : number === 3 ? 'filter' : undefined;
}

/** END_REQUEST's protocolStatus: the request was carried out. */
export const REQUEST_COMPLETE = 0;
/** The application serves one request a connection at a time, and this was a second one. */
export const CANT_MULTIPLEX = 1;
/** The application has no room for another request. */
export const OVERLOADED = 2;
/** The application does not play the role that was asked for. */
export const UNKNOWN_ROLE = 3;

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
