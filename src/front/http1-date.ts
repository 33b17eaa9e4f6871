// The Date line of answers, made once a second.

/** Keeps the line of the present second. */
export class DateLine {
  #second = -1;
  #line = '';

  /** @param wallMs milliseconds since 1970 */
  at(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#line = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    }
    return this.#line;
  }
}
