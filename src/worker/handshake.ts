// Asks a program that was just started whether it is ready: the first thing on its socket, before any request is given to it.

import { connect } from 'node:net';
import type { Clock } from '../clock.ts';
import { RecordWriter } from '../protocol/fastcgi/record-writer.ts';

/** A program that is alive after so long without an answer is taken for ready, unless it is known to answer GET_VALUES: not every one does. */
const silenceMs = 1_000;

/** A program that has closed the connection without an answer is looked at so long: it may be ending. */
const closedMs = 200;

/** A handshake that is running; `cancel()` is repeatable. */
export interface Handshake {
  /** Whether the program has closed the connection without an answer: it has read the question, and may not survive it. */
  readonly wasClosed: boolean;
  cancel(): void;
}

/**
 * Sends GET_VALUES (FastCGI 1.0, section 4.1), which a program answers as soon as it accepts connections, and which begins
 * no request. `onReady` is called once, at the first byte of an answer, a moment after the program has closed the connection, or after a while
 * of silence: whether it is alive is seen by its parent, not here.
 * @param answers whether the program is known to answer, so that its silence only says that it has not started yet
 */
export function shakeHands(socketPath: string, answers: boolean, clock: Clock, onReady: () => void): Handshake {
  const writer = new RecordWriter();
  writer.getValues(['FCGI_MPXS_CONNS']);
  const socket = connect(socketPath);
  let isOver = false;
  let wasClosed = false;
  const cancel = (): void => {
    isOver = true;
    timer.cancel();
    socket.destroy();
  };
  const settle = (): void => {
    if (isOver) return;
    cancel();
    onReady();
  };
  let timer = clock.after(silenceMs, () => {
    if (!answers) settle();
  });
  // A refused or broken connection is no answer: the program may be about to end, and the silence will tell.
  socket.on('error', () => {
    if (isOver) return;
    timer.cancel();
    timer = clock.after(silenceMs, settle);
  });
  socket.once('data', settle);
  socket.once('end', () => {
    if (isOver) return;
    wasClosed = true;
    timer.cancel();
    timer = clock.after(closedMs, settle);
  });
  socket.write(writer.take());
  return {
    get wasClosed() {
      return wasClosed;
    },
    cancel,
  };
}
