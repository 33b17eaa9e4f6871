// node:http, without what an import of it brings along: an ES module reads every export of it, the lazy WebSocket too, and that
// loads undici, 20 ms of each start and of each command that asks a service.

export const { createServer, request } = process.getBuiltinModule('node:http');
