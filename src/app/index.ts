// Public entry: write CGI and FastCGI applications in TypeScript.

export { FastcgiServer, type FastcgiServerOptions } from '../fastcgi-server/fastcgi-server.ts';
export { defaultServerLimits, type ServerLimits } from '../fastcgi-server/server-limits.ts';
export type { CgiRequest, CgiSink, Environment, Exchange, RequestBody, Role } from '../protocol/cgi/exchange.ts';
export { type AppLimits, defaultAppLimits, type RunOptions } from './app-options.ts';
export {
  type AppDefinition,
  type Application,
  allow,
  type Call,
  defineApp,
  type FilterData,
  Grant,
} from './application.ts';
export { Reply } from './lazy-response.ts';
export {
  type Context,
  defineModule,
  type Mode,
  type Module,
  type Outcome,
  type StartInfo,
  type ThreadInfo,
} from './life-cycle.ts';
export { defaultModuleLimits, type EmbedOptions, embed, type ModuleLimits, type ModulePool } from './module-pool.ts';
export { run } from './run-application.ts';
