// The FastCGI record: its header, types, roles and statuses (FastCGI 1.0, sections 3.3 and 8). Pure.
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

import type { Role } from '../cgi/exchange.ts';

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
