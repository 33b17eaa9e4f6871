// Finds the bracket that was not closed in a text that is no TOML: the parser only tells where it could not go on, which is often a line later. Pure.

/** What is no part of the structure: comments, and strings of the four kinds, closed or cut. */
const opaque = /#.*|"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?/g;
const closing: Readonly<Record<string, string>> = { '[': ']', '{': '}' };

/**
 * The innermost bracket that is open where reading stopped: its line, and the problem in words; null: there is none.
 * @param errorLine the line where the parser stopped, from 1
 */
export function openBracket(text: string, errorLine: number): { readonly line: number; readonly what: string } | null {
  // Of what is cut out the line ends stay, so that lines keep their numbers.
  const plain = text.replace(opaque, (found) => found.replace(/[^\n]/g, ' '));
  const open: { readonly bracket: string; readonly line: number }[] = [];
  const lines = plain.split('\n').slice(0, errorLine);
  for (const [index, text] of lines.entries()) {
    const line = index + 1;
    if (open.length === 0 && /^\s*\[/.test(text)) {
      const isArray = /^\s*\[\[/.test(text);
      if (isArray ? /\]\]\s*$/.test(text) : /\]\s*$/.test(text)) continue;
      return { line, what: `the "${isArray ? ']]' : ']'}" at the end of this line is missing` };
    }
    // A key on a line of its own, where a value should stand: what was open is not meant to go on.
    if (open.length > 0 && /^\s*(?:\[|[A-Za-z0-9_.-]+\s*=)/.test(text) && open.at(-1)!.bracket === '[') break;
    for (const char of text) {
      if (char === '[' || char === '{') open.push({ bracket: char, line });
      else if (char === ']' || char === '}') open.pop();
    }
  }
  const last = open.at(-1);
  if (last === undefined) return null;
  const what = `the "${last.bracket}" of this line is not closed: a "${closing[last.bracket]}" or a comma is missing`;
  return { line: last.line, what };
}
