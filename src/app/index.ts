// Public entry: write CGI and FastCGI applications in TypeScript.

export { FastcgiServer, type FastcgiServerOptions } from '../fastcgi-server/fastcgi-server.ts';
export { defaultServerLimits, type ServerLimits } from '../fastcgi-server/server-limits.ts';
export type { CgiRequest, CgiSink, Environment, Exchange, RequestBody, Role } from '../protocol/cgi/exchange.ts';
export { type AppDefinition, type Application, defineApp, type FilterData } from './application.ts';
export type { Call } from './call.ts';
export type { Context, Mode, Outcome } from './context.ts';
export { allow, Grant } from './grant.ts';
export type { Instance } from './instance.ts';
export { type AppLimits, defaultAppLimits } from './limits.ts';
export { defineModule, type Module, type StartInfo, type ThreadInfo } from './module.ts';
export { type EmbedOptions, embed } from './module-mode.ts';
export { Reply } from './reply.ts';
export { run } from './run.ts';
export type { RunOptions } from './run-options.ts';
