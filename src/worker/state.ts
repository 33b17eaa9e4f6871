// The states of a lane, the moves between them, and the reasons why a process is stopped.
//
//   starting -> idle <-> busy -> draining -> stopping -> gone
//
// Any state may go to gone directly when its process dies.

/** What a lane is doing; exactly one at a time. */
export type LaneState = 'starting' | 'idle' | 'busy' | 'draining' | 'stopping' | 'gone';

/** Why a process is, or was, stopped. Kept apart from its state. */
export type StopReason =
  | 'idle'
  | 'max-requests'
  | 'max-age'
  | 'max-memory'
  | 'timeout'
  | 'crash'
  | 'protocol-error'
  | 'abandoned'
  | 'reload'
  | 'shutdown';

/** The moves that are allowed; all others are a bug. */
export const laneMoves: Readonly<Record<LaneState, readonly LaneState[]>> = {
  starting: ['idle', 'draining', 'stopping', 'gone'],
  idle: ['busy', 'draining', 'stopping', 'gone'],
  busy: ['idle', 'draining', 'stopping', 'gone'],
  draining: ['stopping', 'gone'],
  stopping: ['gone'],
  gone: [],
};
