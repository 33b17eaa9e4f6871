// Loaded into a Postern that `covered-service.ts` starts: counts which functions run between two of its messages.

import { Session } from 'node:inspector/promises';

/** A function that ran: where it begins in its file, in characters. */
export interface RanFunction {
  readonly url: string;
  readonly name: string;
  readonly offset: number;
}

const session = new Session();
session.connect();
await session.post('Profiler.enable');

process.on('message', async (message) => {
  if (message === 'begin') {
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    // What ran until now does not count.
    await session.post('Profiler.takePreciseCoverage');
    process.send!([]);
    return;
  }
  const { result } = await session.post('Profiler.takePreciseCoverage');
  // A module's own body is no function.
  const ran: RanFunction[] = result.flatMap(({ url, functions }) =>
    functions
      .filter(
        ({ functionName: name, ranges: [whole] }) => whole!.count > 0 && !(name === '' && whole!.startOffset === 0),
      )
      .map(({ functionName: name, ranges: [whole] }) => ({ url, name, offset: whole!.startOffset })),
  );
  process.send!(ran);
});
