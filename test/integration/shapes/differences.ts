// In what PHP is told something else by Postern than by nginx and PHP-FPM; docs/coming-from.md holds each reason in these words.

const empty = 'A variable that does not apply is not set, where nginx sets it to an empty text';
const body = 'Content-Length and Content-Type are CONTENT_LENGTH and CONTENT_TYPE only, never HTTP_* as well';
const hop =
  'Fields about the connection (Connection, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, Expect) are not passed on';
const worker = "The worker's own environment is in `$_SERVER`, as php-cgi has it";

const twice = 'A field that comes twice is joined with ", " (Cookie with "; ")';
const forged = 'Proxy, Redirect-*, X-Sendfile* and X-Accel-* of clients are dropped';

/** Fields that may differ in every request, and why; "": they cannot be the same in two requests. */
export const everywhere: ReadonlyMap<string, string> = new Map([
  ...['SERVER_PORT', 'REMOTE_PORT', 'REQUEST_TIME', 'REQUEST_TIME_FLOAT'].map(
    (name) => [`SERVER.${name}`, ''] as const,
  ),
  ['SERVER.SERVER_SOFTWARE', 'SERVER_SOFTWARE is "postern"'],
  ...['CONTENT_LENGTH', 'CONTENT_TYPE', 'PATH_INFO', 'REMOTE_USER'].map((name) => [`SERVER.${name}`, empty] as const),
  ...['HTTP_CONTENT_LENGTH', 'HTTP_CONTENT_TYPE'].map((name) => [`SERVER.${name}`, body] as const),
  ...['Content-Length', 'Content-Type'].map((name) => [`HEADERS.${name}`, empty] as const),
  ...['CONNECTION', 'KEEP_ALIVE', 'TE', 'TRAILER', 'TRANSFER_ENCODING', 'UPGRADE', 'EXPECT'].map(
    (name) => [`SERVER.HTTP_${name}`, hop] as const,
  ),
  ...['Connection', 'Keep-Alive', 'Te', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Expect'].map(
    (name) => [`HEADERS.${name}`, hop] as const,
  ),
  ...['PATH', 'POSTERN_MARK', 'HOME', 'USER', 'PHP_FCGI_CHILDREN', 'PHP_FCGI_MAX_REQUESTS', 'FCGI_ROLE'].map(
    (name) => [`SERVER.${name}`, worker] as const,
  ),
]);

const name = "SERVER_NAME is the name that the client asked for; nginx's is the first `server_name`";

/** By the name of a shape. */
export const differences: Readonly<Record<string, { readonly fields: readonly string[]; readonly why: string }>> = {
  'method foo': {
    fields: ['status'],
    why: 'Any token is a method, and reaches PHP; nginx refuses methods with small letters',
  },
  'OPTIONS *': { fields: ['status'], why: '`OPTIONS *` is answered 204; nginx refuses it' },
  'path info, a control byte': {
    fields: ['status'],
    why: 'An encoded control byte in a path is 400: nginx decodes it into PATH_INFO',
  },
  'a folder named like a script': {
    fields: ['status'],
    why: 'A folder whose name ends in `.php` is a folder, with its index: nginx looks for a script of that name',
  },
  'a dotfile': {
    fields: ['status'],
    why: 'What is hidden is 404, as if it were not there; `deny all` of nginx is 403, which says that it is',
  },
  'HTTP/1.0 without Host': { fields: ['SERVER.SERVER_NAME'], why: name },
  'Host with a dot at its end': { fields: ['SERVER.SERVER_NAME'], why: name },
  'Host, IPv6': { fields: ['SERVER.SERVER_NAME'], why: name },
  'absolute form': {
    fields: ['SERVER.HTTP_HOST', 'SERVER.SERVER_NAME', 'HEADERS.Host'],
    why: 'A target in absolute form gives HTTP_HOST, as RFC 9112 asks; nginx passes the Host field on',
  },
  'a field with tabs and spaces': {
    fields: ['SERVER.HTTP_X_BLANK', 'HEADERS.X-Blank'],
    why: "Tabs around a field's value are taken off, as spaces are: nginx leaves them",
  },
  'a field twice': { fields: ['SERVER.HTTP_X_TWICE', 'HEADERS.X-Twice'], why: twice },
  'Cookie twice': { fields: ['SERVER.HTTP_COOKIE', 'COOKIE.a', 'HEADERS.Cookie'], why: twice },
  Proxy: { fields: ['HEADERS.Proxy'], why: forged },
  'a field named like a variable': {
    fields: ['SERVER.HTTP_REDIRECT_STATUS', 'HEADERS.Redirect-Status'],
    why: forged,
  },
};
