// Embedded PHP as an application: runs the script of each request, one at a time.

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Application, type Call, type Context, defineApp, defineModule } from '../../../src/app/index.ts';
import { PosternError } from '../../../src/errors.ts';
import type { Interpreter } from './interpreter.ts';
import { parseAnswerHead, phpVariables, readAll, readBody, unsigned } from './php-exchange.ts';
import type { UserIni } from './user-ini.ts';

/** PHP's exit status after a fatal error. */
const fatalStatus = 255;

/** The application. @param onEnd called after each request */
export function phpApp(interpreter: Interpreter, userIni: UserIni, onEnd: () => void = () => {}): Application {
  let turn: Promise<unknown> = Promise.resolve();
  const php = defineModule({
    name: 'php',
    // Connections wait in the backlog while PHP loads.
    moduleInit: () => interpreter.load(),
  });
  return defineApp({
    modules: [php],
    respond(call, context) {
      const answered = turn.then(() =>
        context.signal.aborted ? undefined : respond(interpreter, userIni, call, context),
      );
      turn = answered.then(onEnd, onEnd);
      return answered;
    },
  });
}

async function respond(interpreter: Interpreter, userIni: UserIni, call: Call, { signal }: Context): Promise<void> {
  const { scriptPath, ...variables } = phpVariables(call.environment);
  if (!isFile(scriptPath)) {
    // As php-cgi answers it.
    call.stderr('Primary script unknown\n');
    call.head(404, ['Content-Type', 'text/html; charset=UTF-8']);
    call.write('No input file specified.\n');
    return;
  }
  const body = await readBody(call.body);
  try {
    const lines = userIni.linesFor(scriptPath, call.environment.DOCUMENT_ROOT ?? '');
    const options = { scriptPath, ...variables, ...(body && { body }) };
    const response = await interpreter.run(options, dirname(scriptPath), lines);
    const errors = passErrors(response.stderr, call);
    const { status, headers } = parseAnswerHead(await readAll(response.getHeadersStream()));
    call.head(status, headers);
    // Read to its end in any case: it is in memory already, and the script's end is behind it.
    for await (const chunk of response.stdout) {
      if (!signal.aborted && !call.write(unsigned(chunk))) await call.drained();
    }
    await errors;
    // The runtime goes on after a fatal error, but what the script left behind is not worth trusting.
    if ((await response.exitCode) === fatalStatus) interpreter.forget();
    else interpreter.trim();
  } catch (error) {
    interpreter.forget();
    if (error instanceof PosternError) throw error;
    throw new PosternError('CONNECTION_LOST', `embedded PHP crashed in ${scriptPath}: ${error}`, { cause: error });
  }
}

async function passErrors(stream: ReadableStream<Uint8Array>, call: Call): Promise<void> {
  for await (const chunk of stream) call.stderr(unsigned(chunk));
}

function isFile(path: string): boolean {
  return path !== '' && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}
