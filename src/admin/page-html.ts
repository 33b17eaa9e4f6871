// HTML of the admin pages: the frame that all have, and tables; every text is escaped. Pure.

/** What a page may load and do: what comes from here, and nothing that stands in the page itself. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** A page. @param body HTML @param head HTML: what the head has besides */
export function htmlPage(title: string, body: string, head = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<link rel="icon" href="/dashboard.svg">
<link rel="stylesheet" href="/dashboard.css">
${head}</head>
<body>
${body}
</body>
</html>
`;
}

/** Text, or several lines of it: the first, then what says more of it. */
export type HtmlCell = string | readonly string[];

/** A table that scrolls by itself; the first cell of a row is its title. @param none what is said where there are no rows */
export function htmlTable(
  caption: string,
  titles: readonly string[],
  rows: readonly (readonly HtmlCell[])[],
  none?: string,
): string {
  const head = titles.map((title) => `<th scope="col">${escaped(title)}</th>`).join('');
  const body = rows.map(([first = '', ...cells]) => {
    const rest = cells.map((cell) => `<td${typeof cell === 'string' ? '' : ' class="long"'}>${lines(cell)}</td>`);
    return `<tr><th scope="row">${lines(first)}</th>${rest.join('')}</tr>`;
  });
  if (body.length === 0 && none !== undefined)
    body.push(`<tr><td class="none" colspan="${titles.length}">${escaped(none)}</td></tr>`);
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(caption)}"><table>
<caption>${escaped(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>${body.join('\n')}</tbody>
</table></div>`;
}

function lines(cell: HtmlCell): string {
  const [first = '', ...more] = typeof cell === 'string' ? [cell] : cell;
  return escaped(first) + more.map((line) => `<br><span class="muted small">${escaped(line)}</span>`).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!);
