// The public entry `postern`: run a service from a program of your own, or answer requests of a server of your own with it.

export type {
  AdminSource,
  FaultStatus,
  ListenerStatus,
  LogStatus,
  ReloadStatus,
  ServiceStatus,
} from './admin/source.ts';
export type { Config } from './config/config.ts';
export { parseConfig, readConfig } from './config/config-file.ts';
export type { ConfigInput, ConfigValues } from './config/config-schema.ts';
export { defineConfig } from './config/define-config.ts';
export { type ErrorCode, errorTable, PosternError } from './errors.ts';
export { type FetchHandler, fetchHandler } from './front/fetch-handler.ts';
export { type NodeHandler, nodeHandler } from './front/node-handler.ts';
export type { HttpAnswer, HttpHandler, HttpRequest, Peer } from './gateway/message.ts';
export type { Log, LogFields } from './log.ts';
export type { LaneSnapshot, PoolSnapshot } from './queue/pool-snapshot.ts';
export type { QueueCounters } from './queue/queue-books.ts';
export type { ServiceOptions } from './service/deployment.ts';
export { createService, type Service } from './service/service.ts';
export type { AccessLog, AccessRecord } from './sites/gateways.ts';
export { version } from './version.ts';
