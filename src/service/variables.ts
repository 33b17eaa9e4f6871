// Configured environment variables, as the texts that programs are given. Pure.

/** Numbers and booleans may stand in TOML without quotes. */
export function variablesOf(values: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}
