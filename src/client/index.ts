// The public entry `postern/client`: talk to FastCGI applications.

export type { Address } from '../connection/address.ts';
export { type ErrorCode, PosternError } from '../errors.ts';
export type {
  CgiHead,
  CgiRequest,
  CgiSink,
  Environment,
  Exchange,
  RequestBody,
  Role,
} from '../protocol/cgi/exchange.ts';
export type { ApplicationValues } from '../protocol/fastcgi/record.ts';
export type { QueueCounters } from '../queue/queue-books.ts';
export { type Client, createClient } from './client.ts';
export type {
  Answer,
  AnswerEnd,
  AnswerHead,
  AnswerHeaders,
  Authorization,
  StreamedAnswer,
  Timing,
} from './client-answer.ts';
export type { ClientOptions } from './client-options.ts';
export type { BodySource, ClientRequest } from './client-request.ts';
export { makeParams, type ParamsSource } from './params.ts';
