// Requests of every shape that programs on the web are asked with, as bytes: methods, paths, queries, fields, bodies and their encodings.

/** One request. Texts are byte strings. */
export interface Shape {
  readonly name: string;
  /** All that a client sends, but for `Connection: close`. */
  readonly bytes: string;
}

interface Parts {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly host?: string | null;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Content-Length is left out, or there is no body. */
  readonly hasLength?: boolean;
}

function shape(name: string, parts: Parts): Shape {
  const { method = 'GET', target = '/d.php', version = '1.1', host = 'example.org', headers = [], body = '' } = parts;
  const hasLength = parts.hasLength ?? body !== '';
  const lines = [
    `${method} ${target} HTTP/${version}`,
    ...(host === null ? [] : [`Host: ${host}`]),
    ...headers,
    ...(hasLength ? [`Content-Length: ${body.length}`] : []),
    'Connection: close',
  ];
  return { name, bytes: `${lines.join('\r\n')}\r\n\r\n${body}` };
}

const form = 'Content-Type: application/x-www-form-urlencoded';

const get = (name: string, target: string): Shape => shape(name, { target });
const field = (name: string, ...headers: string[]): Shape => shape(name, { headers });
const post = (name: string, body: string, ...headers: string[]): Shape =>
  shape(name, { method: 'POST', body, headers, hasLength: true });

const boundary = 'Content-Type: multipart/form-data; boundary=xYzZY';
const part = (head: string, body: string): string =>
  `--xYzZY\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const many = Array.from({ length: 1_100 }, (_, i) => `v${i}=${i}`).join('&');
const largeText = 'abcdefghij'.repeat(30_000);

/** The shapes. `/d.php` dumps; `/sub/index.php` is the same; `/a b.php` and a name in UTF-8 and one that is not are, too. */
export const shapes: readonly Shape[] = [
  // methods
  ...['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'PURGE', 'M-SEARCH', 'TRACE', 'foo'].map(
    (method) => shape(`method ${method}`, { method }),
  ),
  post('method POST, empty', ''),
  shape('method POST, without a length', { method: 'POST' }),
  shape('OPTIONS *', { method: 'OPTIONS', target: '*' }),
  // paths
  get('path info', '/d.php/a/b'),
  get('path info, a slash alone', '/d.php/'),
  get('path info, with a query', '/d.php/a?b=/c.php'),
  get('path info, an encoded space and plus', '/d.php/a%20b+c'),
  get('path info, an encoded slash', '/d.php/a%2Fb'),
  get('path info, a backslash', '/d.php/a\\b'),
  get('path info, an encoded backslash', '/d.php/a%5Cb'),
  get('path info, an encoded percent sign', '/d.php/a%2525'),
  get('path info, an encoded question mark', '/d.php/a%3Fb'),
  get('path info, UTF-8', '/d.php/caf%C3%A9'),
  get('path info, not UTF-8', '/d.php/caf%E9'),
  get('path info, raw bytes', '/d.php/caf\xc3\xa9'),
  get('path info, two slashes', '/d.php//a//b'),
  get('path info, dots', '/d.php/a/../b/./c'),
  get('path info, dots over the script', '/sub/../d.php/a/..'),
  get('path info, another script', '/d.php/index.php'),
  get('path info, a semicolon', '/d.php/a;b=c'),
  get('path info, a control byte', '/d.php/a%07'),
  get('path info, NUL', '/d.php/%00'),
  get('an encoded letter of the script', '/%64.php'),
  get('an encoded dot of the script', '/d%2Ephp'),
  get('two slashes before the script', '//d.php'),
  get('upper case', '/D.PHP'),
  get('no such script', '/none.php'),
  get('no such file', '/none'),
  get('a script below a file', '/style.css/x.php'),
  get('a folder', '/sub/'),
  get('a folder, with a query', '/sub/?a=b'),
  get('a folder without its slash', '/sub'),
  get('a folder without its slash, with a query', '/sub?a=b'),
  get('a folder named like a script', '/dir.php/'),
  get('a script with a space', '/a%20b.php/x'),
  get('a script in UTF-8', '/caf%C3%A9.php/x'),
  get('a script that is not UTF-8', '/caf%E9.php'),
  get('climbing out', '/../d.php'),
  get('a dotfile', '/.htaccess'),
  // queries
  get('query, empty', '/d.php?'),
  get('query, a name alone', '/d.php?a'),
  get('query, repeated names', '/d.php?a=1&a=2'),
  get('query, arrays', '/d.php?a[]=1&a[]=2&b[x][y]=3&c%5B%5D=4'),
  get('query, encodings', '/d.php?a+b=c%20d%2Be&%C3%A9=%E9'),
  get('query, raw bytes', '/d.php?a=\xc3\xa9\xe9'),
  get('query, broken encodings', '/d.php?a=%zz&b=%4'),
  get('query, NUL and control bytes', '/d.php?a=%00%07'),
  get('query, question marks', '/d.php??a=b?c'),
  get('query, ampersands and semicolons', '/d.php?&&a;b=1;c&=x'),
  get('query, as arguments', '/d.php?-s+-d+x'),
  get('query, brackets and pipes', '/d.php?a=[x]|{y}^`"<>'),
  get('query, long', `/d.php?a=${'x'.repeat(6_000)}`),
  // versions and hosts
  shape('HTTP/1.0', { version: '1.0' }),
  shape('HTTP/1.0 without Host', { version: '1.0', host: null }),
  shape('Host with a port', { host: 'example.org:8080' }),
  shape('Host in upper case', { host: 'EXAMPLE.org' }),
  shape('Host with a dot at its end', { host: 'example.org.' }),
  shape('Host, IPv6', { host: '[::1]:80' }),
  shape('absolute form', { target: 'http://other.example/d.php?a=b' }),
  // fields
  field('a field of its own', 'X-Custom: value'),
  field('a field in odd case', 'x-CUSTOM-fIELD: value'),
  field('a field with "_"', 'X_Custom: value'),
  field('a field with "."', 'X.Custom: value'),
  field('a field without a value', 'X-Empty:'),
  field('a field with bytes', 'X-Bytes: caf\xc3\xa9 \xe9'),
  field('a field with tabs and spaces', 'X-Blank: \t a \t b \t '),
  field('a field, long', `X-Long: ${'y'.repeat(6_000)}`),
  field('a field twice', 'X-Twice: one', 'X-Twice: two'),
  field('Cookie', 'Cookie: a=1; b=c%20d; e[x]=2'),
  field('Cookie twice', 'Cookie: a=1', 'Cookie: b=2'),
  field('Authorization: Basic', 'Authorization: Basic dXNlcjpwYXNz'),
  field('Authorization: Digest', 'Authorization: Digest username="u", realm="r"'),
  field('Authorization: Bearer', 'Authorization: Bearer abc.def'),
  field('Proxy', 'Proxy: http://evil.example/'),
  field(
    'conditions and ranges',
    'If-None-Match: "x"',
    'If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT',
    'Range: bytes=0-1',
  ),
  field('X-Forwarded-*', 'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example'),
  field(
    'what browsers send',
    'Accept: text/html,*/*;q=0.8',
    'Accept-Language: de',
    'Accept-Encoding: gzip, br',
    'Referer: http://x/?a',
  ),
  field('Upgrade', 'Upgrade: websocket'),
  field('TE and Keep-Alive', 'TE: trailers', 'Keep-Alive: timeout=5'),
  field('Content-Type without a body', form),
  field('a length of nothing', 'Content-Length: 0'),
  field('a field named like a variable', 'Content_Length: 5', 'Redirect-Status: 404', 'Script-Filename: /etc/passwd'),
  field('a field of PHP-FPM', 'PHP-Value: a=b', 'Php-Admin-Value: a=b'),
  // bodies
  post('form', 'a=b&c[]=1&c[]=2&d=%C3%A9+x', form),
  post('form, with a charset', 'a=b', `${form}; charset=UTF-8`),
  post('form, type in upper case', 'a=b', 'Content-Type: APPLICATION/X-WWW-FORM-URLENCODED'),
  post('form, more variables than PHP takes', many, form),
  post('form, NUL and bytes', 'a=\0\xe9&b=%00', form),
  shape('form and query', { method: 'POST', target: '/d.php/x?a=q', headers: [form], body: 'a=p' }),
  post('JSON', '{"a":[1,2]}', 'Content-Type: application/json'),
  post('a body without a type', 'raw bytes \0\xff'),
  post('a body of another type', '<a/>', 'Content-Type: text/xml; charset="x"'),
  post('a large body', largeText, 'Content-Type: application/octet-stream'),
  post('a large form', `a=${largeText}`, form),
  post('a body in gzip', '\x1f\x8b\x08', 'Content-Encoding: gzip', 'Content-Type: application/octet-stream'),
  post('multipart', `${part('name="a"', 'b')}${part('name="c[]"', '1')}--xYzZY--\r\n`, boundary),
  post(
    'multipart, files',
    `${part('name="f"; filename="a b.txt"', 'file')}${part('name="g[x]"; filename="caf\xc3\xa9/..\\\\x.php"', '\0\xff')}--xYzZY--\r\n`,
    boundary,
  ),
  post('multipart, no file chosen', `${part('name="f"; filename=""', '')}--xYzZY--\r\n`, boundary),
  post('multipart, cut', part('name="a"', 'b'), boundary),
  post('multipart, no boundary', 'a=b', 'Content-Type: multipart/form-data'),
  ...['PUT', 'PATCH', 'DELETE', 'GET', 'PROPFIND'].map((method) =>
    shape(`${method} with a body`, { method, body: 'a=b', headers: [form] }),
  ),
  shape('in chunks', {
    method: 'POST',
    headers: [form, 'Transfer-Encoding: chunked'],
    body: `${chunk('a=b&')}${chunk('c=d')}0\r\n\r\n`,
    hasLength: false,
  }),
  shape('in chunks, with trailers and extensions', {
    method: 'POST',
    headers: [form, 'Transfer-Encoding: chunked', 'Trailer: X-T'],
    body: '3;a=b\r\na=b\r\n0\r\nX-T: y\r\n\r\n',
    hasLength: false,
  }),
  shape('in chunks, empty', {
    method: 'POST',
    headers: [form, 'Transfer-Encoding: chunked'],
    body: '0\r\n\r\n',
    hasLength: false,
  }),
];
