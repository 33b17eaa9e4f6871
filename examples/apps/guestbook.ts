// Modules at work: one that the process shares, one that each request has its own state of.

import { defineApp, defineModule, run } from '../../src/app/index.ts';

/** Opened once, and closed at the end. */
const book = defineModule({
  name: 'book',
  moduleInit: () => ({ title: 'Guests' }),
  threadInit: (shared) => ({ title: shared.title, entries: [] as string[] }),
  threadShutdown(own) {
    process.stderr.write(`${own.title}: ${own.entries.length} entries\n`);
  },
});

/** Measures each request, also one that failed. */
const timing = defineModule({
  name: 'timing',
  requestInit: () => ({ startedAt: performance.now() }),
  requestShutdown(context, { startedAt }) {
    context.log(`${context.outcome} in ${(performance.now() - startedAt).toFixed(1)} ms`);
  },
});

const app = defineApp({
  modules: [book, timing],
  async fetch(request, context) {
    const { entries, title } = context.own(book);
    if (request.method === 'POST') {
      const name = (await request.formData()).get('name');
      if (typeof name !== 'string' || name === '') return new Response('name is missing\n', { status: 400 });
      entries.push(name);
    }
    return Response.json({ title, entries });
  },
});

await run(app);
