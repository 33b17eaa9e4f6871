// Options with their defaults filled in: used by every part that is given options.

/** Options of which each may be left out, or be `undefined`, which is the same. */
export type Given<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/** What was given, and the default for everything else. A spread would take `undefined` for a value. */
export function withDefaults<Options extends object>(defaults: Options, given: Given<Options> | undefined): Options {
  const options = { ...defaults };
  for (const name of Object.keys(given ?? {}) as (keyof Options)[]) {
    const value = given![name];
    if (value !== undefined) options[name] = value;
  }
  return options;
}
