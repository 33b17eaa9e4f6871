// The public entry `postern/protocol`: FastCGI records and CGI answers as bytes and as values, without a socket. Pure.

export { type ErrorCode, PosternError } from '../errors.ts';
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
export { localRedirectOf } from './cgi/output-head.ts';
export {
  type ApplicationValues,
  type BeginBody,
  decodeBegin,
  decodeEnd,
  decodeUnknownType,
  decodeValueNames,
  decodeValues,
  type EndBody,
  refusalOf,
  valueNames,
} from './fastcgi/bodies.ts';
export {
  decodeNameValues,
  defaultNameValueLimits,
  encodeNameValues,
  type NameValueLimits,
  NameValueReader,
} from './fastcgi/name-values.ts';
export * from './fastcgi/record.ts';
export {
  defaultReaderLimits,
  type RecordHandler,
  RecordReader,
  type RecordReaderLimits,
} from './fastcgi/record-reader.ts';
export { RecordWriter } from './fastcgi/record-writer.ts';
