// An authorizer's yes, with the variables it adds to the environment of what follows (FastCGI 1.0, section 6.3).

/** A request that may go on. */
export class Grant {
  /** Name, value, name, value, as headers: "Variable-REMOTE_USER". */
  readonly headers: readonly string[];

  constructor(variables: Readonly<Record<string, string>>) {
    const headers: string[] = [];
    for (const [name, value] of Object.entries(variables)) {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new TypeError(`"${name}" is no name for a CGI variable`);
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value))
        throw new TypeError(`the value of variable ${name} is no byte string of one line`);
      headers.push(`Variable-${name}`, value);
    }
    this.headers = headers;
  }
}

/**
 * Lets a request through.
 * @param variables set in its environment by the web server, as it does REMOTE_USER; values are byte strings
 * @throws TypeError for a name that is none, and a value that does not fit into a header
 */
export function allow(variables: Readonly<Record<string, string>> = {}): Grant {
  return new Grant(variables);
}
