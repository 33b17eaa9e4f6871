// As the first process of a container: what programs leave behind becomes a child of ours, and Node reaps only what it has started itself.
// So a shell takes our place, starts us anew below it, passes signals on, and reaps whatever it inherits, as every shell does.
import { existsSync } from 'node:fs';

const shell = '/bin/sh';

// What a shell starts behind itself has no standard input, unless it is kept for it. A terminal sends INT and QUIT to both. The status of
// a `wait` that a signal broke off is not that of the command: it is asked for until the command has gone, and once more.
const script = `
exec 9<&0
"$@" <&9 9<&- &
child=$! status=1
exec 9<&-
for signal in TERM HUP USR1 USR2; do trap "kill -$signal $child 2>/dev/null" "$signal"; done
for signal in INT QUIT; do
  if [ -t 0 ]; then trap : "$signal"; else trap "kill -$signal $child 2>/dev/null" "$signal"; fi
done
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
wait "$child" 2>/dev/null
last=$?
[ "$last" -eq 127 ] || status=$last
exit "$status"
`;

/** Does not return where a shell takes the place of this process; else it says what is missing. */
export function makeWayForReaper() {
  const reason = missing();
  if (reason === null) {
    try {
      const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
      process.execve(shell, ['sh', '-c', script, 'postern', ...command], process.env);
    } catch (error) {
      tell(error.message);
    }
  } else tell(reason);
}

function missing() {
  if (typeof process.execve !== 'function') return `Node ${process.versions.node} has no process.execve`;
  return existsSync(shell) ? null : `there is no ${shell}`;
}

function tell(reason) {
  process.stderr.write(
    `postern: as process 1 it cannot reap what programs leave behind (${reason}): start the container with an init, such as docker run --init\n`,
  );
}
