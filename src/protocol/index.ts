// The public entry `postern/protocol`: FastCGI records and CGI answers as bytes and as values, without a socket. Pure.

export { type ErrorCode, PosternError } from '../errors.ts';
export { localRedirectOf } from './cgi/cgi-head.ts';
export { CgiOutput, type CgiOutputLimits, defaultOutputLimits } from './cgi/cgi-output.ts';
export type {
  CgiHead,
  CgiRequest,
  CgiSink,
  Environment,
  Exchange,
  RequestBody,
  Role,
} from './cgi/exchange.ts';
export {
  decodeNameValues,
  defaultNameValueLimits,
  type NameValueLimits,
  NameValueReader,
} from './fastcgi/name-value-reader.ts';
export * from './fastcgi/record.ts';
export { encodeNameValues, RecordWriter } from './fastcgi/record-writer.ts';
