// Spans by the real API and SDK of OpenTelemetry, kept in memory.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { PosternError } from '../../src/errors.ts';
import { openTelemetryTraces } from '../../src/gateway/open-telemetry.ts';
import type { Traces } from '../../src/gateway/trace.ts';
import { ask, httpRequest } from '../support/recording-answer.ts';
import { rulesOf } from '../support/rules.ts';
import { makeSite } from '../support/site.ts';

const given = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

describe('OpenTelemetry', () => {
  let traces: Traces;
  const faults: unknown[] = [];

  before(async () => {
    assert.equal(
      await openTelemetryTraces((error) => faults.push(error)),
      null,
      'nobody has registered a provider: nothing is made',
    );
    provider.register();
    traces = (await openTelemetryTraces((error) => faults.push(error)))!;
  });
  beforeEach(() => exporter.reset());
  after(async () => {
    await provider.shutdown();
    trace.disable();
    propagation.disable();
  });

  const spans = (): Record<string, ReadableSpan> =>
    Object.fromEntries(exporter.getFinishedSpans().map((span) => [span.name, span]));

  it('has a span for each request, with the names of its conventions, and one for the run in it, which is the parent of what the program has', async (t) => {
    const { gateway, access, backend } = makeSite(t, undefined, { trustedProxies: [] }, undefined, { traces });
    const headers = ['Host', 'shop.example:8080', 'User-Agent', 'tester/1'];
    await ask(gateway.handle, httpRequest('/index.php?a=1&token=secret', { headers }));
    const { 'GET *.php': server, 'run scripted': run } = spans();
    assert.deepEqual(Object.keys(spans()), ['run scripted', 'GET *.php']);
    assert.equal(server!.kind, SpanKind.SERVER);
    assert.deepEqual(server!.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.route': '*.php',
      'url.path': '/index.php',
      'url.query': 'a=1&token=***',
      'url.scheme': 'http',
      'network.protocol.name': 'http',
      'network.protocol.version': '1.1',
      'network.peer.address': '192.0.2.1',
      'network.peer.port': 4711,
      'client.address': '192.0.2.1',
      'server.address': 'shop.example',
      'server.port': 8080,
      'user_agent.original': 'tester/1',
    });
    assert.equal(server!.status.code, SpanStatusCode.UNSET);
    const { traceId, spanId } = server!.spanContext();
    assert.deepEqual([run!.parentSpanContext?.spanId, run!.spanContext().traceId], [spanId, traceId]);
    assert.equal(run!.attributes['postern.pool'], 'scripted');
    // A span with a part elsewhere is a client's, and that part is in it. The access log has the trace.
    assert.equal(run!.kind, SpanKind.CLIENT);
    assert.equal(backend.requests[0]!.environment.HTTP_TRACEPARENT, `00-${traceId}-${run!.spanContext().spanId}-01`);
    assert.equal(access[0]!.traceId, traceId);
    const ms = ([seconds, nanoseconds]: [number, number]): number => seconds * 1_000 + nanoseconds / 1e6;
    for (const time of [run!.startTime, run!.endTime, server!.startTime, server!.endTime])
      assert.ok(Math.abs(ms(time) - Date.now()) < 60_000, String(time));
    assert.ok(ms(run!.startTime) <= ms(run!.endTime));
  });

  it('goes on with the trace that came', async (t) => {
    const { gateway, backend } = makeSite(t, undefined, {}, undefined, { traces });
    await ask(
      gateway.handle,
      httpRequest('/index.php', { headers: ['Host', 'a', 'Traceparent', given, 'tracestate', 'x=1'] }),
    );
    const { 'GET *.php': server, 'run scripted': run } = spans() as Record<string, ReadableSpan>;
    assert.deepEqual(
      [server!.spanContext().traceId, server!.parentSpanContext?.spanId, server!.parentSpanContext?.isRemote],
      ['a'.repeat(32), 'b'.repeat(16), true],
    );
    const { environment } = backend.requests[0]!;
    assert.equal(environment.HTTP_TRACEPARENT, `00-${'a'.repeat(32)}-${run!.spanContext().spanId}-01`);
    assert.equal(environment.HTTP_TRACESTATE, 'x=1');
  });

  it('is in the span that a server of one’s own has for the request', async (t) => {
    const { gateway } = makeSite(t, undefined, {}, undefined, { traces });
    await provider.getTracer('mine').startActiveSpan('mine', async (span) => {
      await ask(gateway.handle, httpRequest('/index.php', { headers: ['Host', 'a', 'Traceparent', given] }));
      span.end();
    });
    assert.equal(spans()['GET *.php']!.parentSpanContext?.spanId, spans().mine!.spanContext().spanId);
  });

  it('tells an error by its code where the server is to blame, and the status where the client is', async (t) => {
    const { gateway, backend } = makeSite(t, undefined, {}, undefined, { traces });
    backend.script = () => {
      throw new PosternError('ANSWER_INVALID', 'it has died');
    };
    await ask(gateway.handle, '/index.php');
    await ask(gateway.handle, '/none.txt');
    const { 'GET *.php': failed, GET: none } = spans();
    assert.deepEqual(
      [failed!.attributes['http.response.status_code'], failed!.attributes['error.type'], failed!.status.code],
      [502, 'ANSWER_INVALID', SpanStatusCode.ERROR],
    );
    assert.deepEqual(
      [none!.attributes['http.response.status_code'], none!.attributes['error.type'], none!.status.code],
      [404, undefined, SpanStatusCode.UNSET],
    );
    assert.equal(none!.attributes['http.route'], undefined);
  });

  it('is told to a server elsewhere, in place of what came, and has its run', async (t) => {
    const seen: (string | string[] | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.traceparent, request.headers['x-kept']);
      response.end('there');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const rules = rulesOf([{ match: '/app/*', proxy: { url } }]);
    const { gateway } = makeSite(t, {}, { rules }, undefined, { traces });
    const headers = ['Host', 'a', 'TraceParent', given, 'X-Kept', 'kept'];
    const answer = await ask(gateway.handle, httpRequest('/app/a', { headers, version: '2.0' }));
    assert.equal(answer.text, 'there');
    const { GET: span, [`run ${url}`]: run } = spans();
    assert.deepEqual(seen, [`00-${'a'.repeat(32)}-${run!.spanContext().spanId}-01`, 'kept']);
    assert.equal(run!.parentSpanContext?.spanId, span!.spanContext().spanId);
    assert.equal(span!.attributes['network.protocol.version'], '2');
  });

  it('names no span by a method that nobody knows', async (t) => {
    const { gateway } = makeSite(t, undefined, {}, undefined, { traces });
    await ask(gateway.handle, httpRequest('/index.php', { method: 'FROBNICATE' }));
    const span = spans()['HTTP *.php'] ?? spans().HTTP;
    assert.equal(span!.attributes['http.request.method'], '_OTHER');
    assert.equal(span!.attributes['http.request.method_original'], 'FROBNICATE');
  });

  it('is no fault of a request where what records spans throws, and is told once', async (t) => {
    const { gateway } = makeSite(t, undefined, { trustedProxies: [] }, undefined, { traces });
    const Tracer = Object.getPrototypeOf(provider.getTracer('postern'));
    const { startSpan } = Tracer;
    t.after(() => {
      Tracer.startSpan = startSpan;
    });
    for (const fault of [
      () => assert.fail('a bug at the start'),
      function (this: unknown, ...args: unknown[]) {
        const span = startSpan.apply(this, args);
        span.end = () => assert.fail('a bug at the end');
        return span;
      },
    ]) {
      Tracer.startSpan = fault;
      for (let count = 0; count < 2; count += 1)
        assert.equal((await ask(gateway.handle, httpRequest('/index.php'))).status, 200);
    }
    assert.equal(faults.length, 1);
  });
});
