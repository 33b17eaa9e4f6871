// What is going on, on stderr: one line that is rewritten on a terminal, a line a step elsewhere.

const terminal = process.stderr.isTTY === true;

/** Shows what is going on now. */
export function showStep(text: string): void {
  if (terminal) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  else process.stderr.write(`${text}\n`);
}

/** Says something that stays. */
export function say(text: string): void {
  process.stderr.write(terminal ? `\r\x1b[K${text}\n` : `${text}\n`);
}
