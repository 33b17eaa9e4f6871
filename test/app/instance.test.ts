// The life cycle of an application: which phase runs when, whatever goes wrong.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AppDefinition, allow, type Context, defineApp, defineModule, Reply } from '../../src/app/index.ts';
import { Instance, type InstanceOptions } from '../../src/app/instance.ts';
import type { Module } from '../../src/app/life-cycle.ts';
import { bodyOf, cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';

/** A module that writes down its phases. */
function traced(name: string, trace: string[], more: Partial<Module> = {}): Module {
  return defineModule({
    name,
    moduleInit: () => void trace.push(`${name} moduleInit`),
    threadInit: () => void trace.push(`${name} threadInit`),
    requestInit: () => void trace.push(`${name} requestInit`),
    requestShutdown: (context: Context) => void trace.push(`${name} requestShutdown ${context.outcome}`),
    threadShutdown: () => void trace.push(`${name} threadShutdown`),
    moduleShutdown: () => void trace.push(`${name} moduleShutdown`),
    ...more,
  }) as Module;
}

function start(definition: AppDefinition, options: Partial<InstanceOptions> = {}): Promise<Instance> {
  return Instance.start(defineApp(definition), { mode: 'module', ...options });
}

const up = ['a moduleInit', 'b moduleInit', 'a threadInit', 'b threadInit'];
const down = ['b threadShutdown', 'a threadShutdown', 'b moduleShutdown', 'a moduleShutdown'];

async function tick(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Instance, phases', () => {
  it('runs modules in order on the way up, and in reverse on the way down', async () => {
    const trace: string[] = [];
    const modules = [traced('a', trace), traced('b', trace)];
    const fetch = (): Response => {
      trace.push('fetch');
      return new Response('');
    };
    const instance = await start({ modules, fetch });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    await sink.done;
    await instance.close();
    const request = [
      'a requestInit',
      'b requestInit',
      'fetch',
      'b requestShutdown answered',
      'a requestShutdown answered',
    ];
    assert.deepEqual(trace, [...up, ...request, ...down]);
  });

  it('a module that fails to init stops the start with its name, and those before it are shut down', async () => {
    const trace: string[] = [];
    const moduleInit = (): never => {
      throw new Error('no database');
    };
    const modules = [traced('a', trace), traced('db', trace, { moduleInit }), traced('c', trace)];
    await assert.rejects(start({ modules, fetch: () => new Response('') }), {
      code: 'PROGRAM_NOT_STARTED',
      message: 'module db failed in moduleInit: no database',
    });
    assert.deepEqual(trace, ['a moduleInit', 'a moduleShutdown']);
  });

  it('a module that fails in threadInit stops the start too', async () => {
    const trace: string[] = [];
    const threadInit = (): Promise<never> => Promise.reject(new Error('no cache'));
    const modules = [traced('a', trace), traced('b', trace, { threadInit })];
    await assert.rejects(start({ modules, fetch: () => new Response('') }), /module b failed in threadInit: no cache/);
    assert.deepEqual(trace.slice(-3), ['a threadShutdown', 'b moduleShutdown', 'a moduleShutdown']);
  });

  it('requestShutdown runs when the handler threw', async () => {
    const trace: string[] = [];
    const fetch = async (): Promise<Response> => {
      throw new Error('boom');
    };
    const instance = await start({ modules: [traced('a', trace)], fetch });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    await sink.done;
    assert.equal(sink.heads[0]!.status, 500);
    assert.equal(sink.body, 'Something went wrong in the server.\n');
    assert.match(sink.errors, /^Error: boom\n/);
    assert.equal(trace.at(-1), 'a requestShutdown failed');
    await instance.close();
  });

  it('a requestInit that throws skips the handler; only the modules before it are shut down', async () => {
    const trace: string[] = [];
    const requestInit = (): never => {
      throw new Error('no session');
    };
    const modules = [traced('a', trace), traced('b', trace, { requestInit }), traced('c', trace)];
    const instance = await start({ modules, fetch: () => new Response('') });
    trace.length = 0;
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    await sink.done;
    assert.equal(sink.heads[0]!.status, 500);
    assert.deepEqual(trace, ['a requestInit', 'a requestShutdown failed']);
    await instance.close();
  });

  it('requestShutdown runs when the client left, as soon as the handler is done', async () => {
    const trace: string[] = [];
    let signal: AbortSignal | undefined;
    const gate = Promise.withResolvers<Response>();
    const fetch = (request: Request): Promise<Response> => {
      signal = request.signal;
      return gate.promise;
    };
    const instance = await start({ modules: [traced('a', trace)], fetch });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink).abort();
    assert.equal(signal?.aborted, true);
    assert.equal(trace.at(-1), 'a requestInit');
    gate.resolve(new Response('too late'));
    await tick();
    assert.equal(trace.at(-1), 'a requestShutdown aborted');
    assert.deepEqual(sink.calls, []);
    assert.equal(instance.running, 0);
    await instance.close();
  });

  it('a call that is ended after the client left is still one whose client left', async () => {
    const trace: string[] = [];
    const instance = await start({
      modules: [traced('a', trace)],
      async respond(call, { signal }) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        call.end();
      },
    });
    instance.run(cgiRequest(), new RecordingSink()).abort();
    await tick();
    assert.equal(trace.at(-1), 'a requestShutdown aborted');
    await instance.close();
  });

  it('the body of an answer that comes after the grace is cancelled', async () => {
    const clock = new FakeClock();
    let isCancelled = false;
    let answer: (response: Response) => void = () => {};
    const fetch = (): Promise<Response> =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const instance = await start({ fetch }, { clock, limits: { graceMs: 1_000 } });
    const exchange = instance.run(cgiRequest(), new RecordingSink());
    exchange.abort();
    clock.advance(3_000);
    const cancel = (): void => {
      isCancelled = true;
    };
    answer(new Response(new ReadableStream({ cancel })));
    await tick();
    assert.ok(isCancelled);
    await instance.close();
  });

  it('requestShutdown runs when the client left and the handler takes no notice, after the grace', async () => {
    const clock = new FakeClock();
    const trace: string[] = [];
    const fetch = (): Promise<Response> => new Promise(() => {});
    const instance = await start({ modules: [traced('a', trace)], fetch }, { clock, limits: { graceMs: 1_000 } });
    instance.run(cgiRequest(), new RecordingSink()).abort();
    clock.advance(900);
    assert.equal(instance.running, 1);
    clock.advance(1_000);
    assert.equal(trace.at(-1), 'a requestShutdown aborted');
    assert.equal(instance.running, 0);
    await instance.close();
  });

  it('answers 504 at the deadline, tells the handler, and runs requestShutdown', async () => {
    const clock = new FakeClock();
    const trace: string[] = [];
    let signal: AbortSignal | undefined;
    const fetch = (_: Request, context: Context): Promise<Response> => {
      signal = context.signal;
      return new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(new Error('ok'))));
    };
    const instance = await start(
      { modules: [traced('a', trace)], fetch },
      { clock, limits: { requestTimeoutMs: 5_000 } },
    );
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    clock.advance(6_000);
    await sink.done;
    assert.equal(sink.heads[0]!.status, 504);
    assert.equal(signal?.aborted, true);
    await tick();
    assert.equal(trace.at(-1), 'a requestShutdown timeout');
    await instance.close();
  });

  it('a requestShutdown that throws is reported, and the others still run', async () => {
    const trace: string[] = [];
    const requestShutdown = (): never => {
      throw new Error('shutdown trouble');
    };
    const modules = [traced('a', trace), traced('b', trace, { requestShutdown })];
    const instance = await start({ modules, fetch: () => new Response('fine') });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    await sink.done;
    assert.equal(sink.body, 'fine');
    assert.match(sink.errors, /shutdown trouble/);
    assert.equal(trace.at(-1), 'a requestShutdown answered');
    await instance.close();
  });

  it('close waits for running requests, and aborts them at stopTimeout', async () => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const trace: string[] = [];
    const fetch = (request: Request): Promise<Response> =>
      new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(new Error('stopped'))));
    const instance = await start(
      { modules: [traced('a', trace)], fetch },
      { clock, log, limits: { stopTimeoutMs: 2_000 } },
    );
    instance.run(cgiRequest(), new RecordingSink());
    const closing = instance.close();
    await tick();
    assert.equal(trace.at(-1), 'a requestInit');
    clock.advance(2_100);
    await closing;
    assert.deepEqual(trace.slice(-3), ['a requestShutdown aborted', 'a threadShutdown', 'a moduleShutdown']);
    assert.equal(log.matching(/stopTimeout/).length, 1);
  });

  it('takes no request while it shuts down, and after', async () => {
    const gate = Promise.withResolvers<Response>();
    const instance = await start({ fetch: () => gate.promise });
    const [running, late, later] = [new RecordingSink(), new RecordingSink(), new RecordingSink()];
    instance.run(cgiRequest(), running);
    const closing = instance.close();
    instance.run(cgiRequest(), late);
    assert.equal(late.error?.code, 'POOL_CLOSING');
    gate.resolve(new Response('done'));
    await closing;
    assert.equal((await running.done).body, 'done');
    instance.run(cgiRequest(), later);
    assert.equal(later.error?.code, 'POOL_CLOSING');
    await instance.destroy();
  });

  it('a module that throws at a time limit costs its own request, and no other', async () => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const instance = await start({ fetch: () => new Promise<Response>(() => {}) }, { clock, log });
    const broken = new RecordingSink();
    broken.head = () => {
      throw new Error('a sink that is broken');
    };
    const sink = new RecordingSink();
    instance.run(cgiRequest(), broken);
    instance.run(cgiRequest(), sink);
    clock.advance(70_000);
    assert.equal((await sink.done).heads[0]!.status, 504);
    assert.equal(log.matching(/failed at its time limit/).length, 1);
    clock.advance(10_000);
    assert.equal(instance.running, 0);
    await instance.close();
  });

  it('gives each request its own state, and a module only what is its own', async () => {
    const session = defineModule({
      name: 'session',
      requestInit: (context) => ({ user: context.environment.HTTP_X_USER }),
    });
    const stranger = defineModule({ name: 'stranger' });
    const instance = await start({
      modules: [session],
      async fetch(_, context) {
        await tick();
        assert.throws(() => context.get(stranger), /module "stranger" is not among the application's modules/);
        return new Response(context.get(session).user ?? 'nobody');
      },
    });
    const sinks = ['ann', 'bob'].map((user) => {
      const sink = new RecordingSink();
      instance.run(cgiRequest({ environment: { HTTP_X_USER: user } }), sink);
      return sink;
    });
    await Promise.all(sinks.map((sink) => sink.done));
    assert.deepEqual(
      sinks.map((sink) => sink.body),
      ['ann', 'bob'],
    );
    await instance.close();
  });
});

describe('Instance, answers', () => {
  it('sends head, body and end of a small answer without a flush between them', async () => {
    const instance = await start({ fetch: () => new Reply('small') });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    assert.deepEqual(sink.calls, ['head', 'write', 'end'], 'in the same tick');
    await instance.close();
  });

  it('stops a stream while the sink is full, and goes on', async () => {
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulls += 1;
          if (pulls > 10) controller.close();
          else controller.enqueue(new Uint8Array(10));
        },
      },
      { highWaterMark: 0 },
    );
    const instance = await start({ fetch: () => new Response(stream) });
    const sink = new RecordingSink();
    sink.writeAnswers.push(true, false);
    const exchange = instance.run(cgiRequest(), sink);
    await tick();
    await tick();
    assert.equal(sink.body.length, 20);
    exchange.resume();
    await sink.done;
    assert.equal(sink.body.length, 100);
    await instance.close();
  });

  it('an answer whose stream breaks ends as failed, never as complete', async () => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(3));
      },
      pull(controller) {
        controller.error(new Error('disk'));
      },
    });
    const instance = await start({ fetch: () => new Response(stream) });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    await sink.done;
    assert.ok(sink.error);
    assert.ok(!sink.calls.includes('end'));
    await instance.close();
  });

  it('cancels the stream of an answer when the client leaves', async () => {
    const cancelled = Promise.withResolvers<unknown>();
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(3)),
      cancel: cancelled.resolve,
    });
    const instance = await start({ fetch: () => new Response(stream) });
    const exchange = instance.run(cgiRequest(), new RecordingSink());
    await tick();
    exchange.abort();
    await cancelled.promise;
    await tick();
    assert.equal(instance.running, 0);
    await instance.close();
  });

  it('answers 500 when the handler returns no Response', async () => {
    const instance = await start({ fetch: () => 'text' as never });
    const sink = new RecordingSink();
    instance.run(cgiRequest(), sink);
    await sink.done;
    assert.equal(sink.heads[0]!.status, 500);
    assert.match(sink.errors, /returned text where a Response is wanted/);
    await instance.close();
  });

  it('refuses what is above maxRequests, and roles that it does not play', async () => {
    const instance = await start({ fetch: () => new Promise<Response>(() => {}) }, { limits: { maxRequests: 1 } });
    const first = instance.run(cgiRequest(), new RecordingSink());
    const second = new RecordingSink();
    instance.run(cgiRequest(), second);
    assert.equal(second.error?.code, 'OVERLOADED');
    const authorizer = new RecordingSink();
    instance.run(cgiRequest({ role: 'authorizer' }), authorizer);
    assert.equal(authorizer.error?.code, 'UNKNOWN_ROLE');
    first.abort();
  });

  it('answers 413 when the handler gathers a body above maxBodyBytes', async () => {
    const fetch = async (request: Request): Promise<Response> => new Response(await request.text());
    const instance = await start({ fetch }, { limits: { maxBodyBytes: 3 } });
    const sink = new RecordingSink();
    instance.run(cgiRequest({ body: bodyOf('four'), method: 'POST' }), sink);
    await sink.done;
    assert.equal(sink.heads[0]!.status, 413);
    await instance.close();
  });
});

describe('Instance, roles', () => {
  it('an authorizer’s grant is status 200 with its variables', async () => {
    const instance = await start({ authorize: () => allow({ REMOTE_USER: 'ann', Team: 'blue' }) });
    const sink = new RecordingSink();
    instance.run(cgiRequest({ role: 'authorizer' }), sink);
    await sink.done;
    assert.deepEqual(sink.heads[0], {
      status: 200,
      reason: '',
      headers: ['Variable-REMOTE_USER', 'ann', 'Variable-Team', 'blue'],
    });
    assert.throws(() => allow({ 'a b': 'x' }), /is no name/);
    assert.throws(() => allow({ A: 'x\r\nSet-Cookie: y' }), /one line/);
    await instance.close();
  });

  it('a filter gets the file, its length and its time', async () => {
    const instance = await start({
      async filter(_, data) {
        const text = Buffer.concat(await data.stream.toArray()).toString();
        return new Response(`${text.toUpperCase()} ${data.length} ${data.lastModified?.toISOString()}`);
      },
    });
    const sink = new RecordingSink();
    const environment = { FCGI_DATA_LENGTH: '4', FCGI_DATA_LAST_MOD: '86400' };
    instance.run(cgiRequest({ role: 'filter', environment, data: bodyOf('text') }), sink);
    await sink.done;
    assert.equal(sink.body, 'TEXT 4 1970-01-02T00:00:00.000Z');
    await instance.close();
  });

  it('the low-level form writes bytes, waits when it should, and ends the call', async () => {
    const instance = await start({
      async respond(call) {
        call.head(200, ['content-type', 'text/plain']);
        for (const part of ['a', 'b', 'c']) if (!call.write(part)) await call.drained();
        call.stderr('note');
      },
    });
    const sink = new RecordingSink();
    sink.writeAnswers.push(false);
    const exchange = instance.run(cgiRequest(), sink);
    await tick();
    assert.equal(sink.body, 'a');
    exchange.resume();
    await sink.done;
    assert.equal(sink.body, 'abc');
    assert.equal(sink.errors, 'note');
    await instance.close();
  });

  it('a body before its head, and a second head, are mistakes of the handler', async () => {
    const bodyFirst = await start({ respond: (call) => void call.write('a') });
    const sink = new RecordingSink();
    bodyFirst.run(cgiRequest(), sink);
    assert.equal(sink.heads[0]!.status, 500);
    assert.match(sink.errors, /comes after its head: call head\(\) first/);
    await bodyFirst.close();

    const twoHeads = await start({
      respond(call) {
        call.head(103, ['link', '</style.css>; rel=preload']);
        call.head(200);
        call.head(404);
      },
    });
    const broken = new RecordingSink();
    twoHeads.run(cgiRequest(), broken);
    assert.deepEqual(
      broken.heads.map(({ status }) => status),
      [103, 200],
    );
    assert.match(broken.error!.message, /was sent already, with status 200/);
    await twoHeads.close();
  });

  it('sends no body to HEAD, and with status 204 and 304, in either form', async () => {
    const respond = await start({
      respond(call) {
        call.head(call.url === '/none' ? 204 : 200);
        call.write('body');
        call.end();
      },
    });
    const fetch = await start({ fetch: () => new Response('body') });
    for (const [instance, request] of [
      [respond, cgiRequest({ method: 'HEAD' })],
      [respond, cgiRequest({ url: '/none' })],
      [fetch, cgiRequest({ method: 'HEAD' })],
    ] as const) {
      const sink = new RecordingSink();
      instance.run(request, sink);
      await sink.done;
      assert.equal(sink.body, '');
      assert.equal(sink.error, null);
    }
    await Promise.all([respond.close(), fetch.close()]);
  });
});

describe('defineApp', () => {
  it('refuses an application that cannot work', () => {
    assert.throws(() => defineApp({}), /needs a handler/);
    assert.throws(() => defineApp({ fetch: () => new Response(), respond: () => {} }), /either fetch or respond/);
    const twins = [{ name: 'a' }, { name: 'a' }];
    assert.throws(() => defineApp({ modules: twins, fetch: () => new Response() }), /two modules are called "a"/);
  });
});
