// The public entry `postern`: run a service from a program of your own.

export type { AdminSource, ListenerStatus, OtherPool, ReloadStatus, ServiceStatus } from './admin/source.ts';
export { type ErrorCode, errorTable, PosternError } from './errors.ts';
export type { Log, LogFields } from './log.ts';
export type { LaneSnapshot, PoolCounters, PoolSnapshot } from './pool/snapshot.ts';
export { type Config, defineConfig, parseConfig, readConfig } from './service/config.ts';
export type { ConfigInput, ConfigValues } from './service/config-schema.ts';
export type { AccessLog, AccessRecord } from './service/gateways.ts';
export { createService, type Service, type ServiceOptions } from './service/service.ts';
export { version } from './version.ts';
