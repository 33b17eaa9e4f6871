// The states of a lane and of a worker, the moves between them, and the reasons why a process is stopped. Pure.
//
//   lane:    starting -> idle <-> busy -> draining -> stopping -> gone
//   worker:  new -> starting -> ready -> exited -> gone
//
// A lane may go to gone directly when its process dies.

/** What a lane is doing; exactly one at a time. */
export type LaneState = 'starting' | 'idle' | 'busy' | 'draining' | 'stopping' | 'gone';

/** The moves of a lane that are allowed; all others are a bug. */
export const laneMoves: Readonly<Record<LaneState, readonly LaneState[]>> = {
  starting: ['idle', 'draining', 'stopping', 'gone'],
  idle: ['busy', 'draining', 'stopping', 'gone'],
  busy: ['idle', 'draining', 'stopping', 'gone'],
  draining: ['stopping', 'gone'],
  stopping: ['gone'],
  gone: [],
};

/**
 * What the connection of a lane is doing. `none`: there is none. `probing`: it is asked who answers. `free`: it takes a request. `busy`: it has one.
 * `settling`: it broke under a request, and how its process ended is being found out. `spent`: it takes no other request; that it will be
 * closed is no loss.
 */
export type LinkState = 'none' | 'probing' | 'free' | 'busy' | 'settling' | 'spent';

/** The moves of a link that are allowed; all others are a bug. */
export const linkMoves: Readonly<Record<LinkState, readonly LinkState[]>> = {
  none: ['probing', 'free', 'busy'],
  probing: ['none', 'free'],
  free: ['none', 'busy'],
  busy: ['none', 'free', 'settling', 'spent'],
  settling: ['none'],
  spent: ['none'],
};

/**
 * What the process of a worker is doing. `exited`: the process that was started has ended, or never came to be; something of its group may
 * be at work still. `gone`: nothing of it is left.
 */
export type WorkerState = 'new' | 'starting' | 'ready' | 'exited' | 'gone';

/** The moves of a worker that are allowed; all others are a bug. */
export const workerMoves: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  new: ['starting', 'exited'],
  starting: ['ready', 'exited'],
  ready: ['exited'],
  exited: ['gone'],
  gone: [],
};
