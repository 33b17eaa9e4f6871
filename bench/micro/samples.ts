// What the micro benchmarks encode and decode: the environment of an ordinary request, and ordinary answers.

import type { Environment } from '../../src/protocol/cgi/exchange.ts';

/** The variables that a browser's request has behind a gateway: 33 of them, 1.2 KB. */
export const environment: Environment = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  SERVER_SOFTWARE: 'postern',
  SERVER_PROTOCOL: 'HTTP/1.1',
  SERVER_NAME: 'example.org',
  SERVER_ADDR: '127.0.0.1',
  SERVER_PORT: '8000',
  REMOTE_ADDR: '127.0.0.1',
  REMOTE_PORT: '51234',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/2026/11/a-post-with-a-name/?page=2&order=asc',
  REQUEST_SCHEME: 'http',
  QUERY_STRING: 'page=2&order=asc',
  SCRIPT_NAME: '/index.php',
  DOCUMENT_URI: '/index.php/2026/11/a-post-with-a-name/',
  DOCUMENT_ROOT: '/srv/www/example.org/public',
  SCRIPT_FILENAME: '/srv/www/example.org/public/index.php',
  PATH_INFO: '/2026/11/a-post-with-a-name/',
  PATH_TRANSLATED: '/srv/www/example.org/public/2026/11/a-post-with-a-name/',
  REDIRECT_STATUS: '200',
  CONTENT_LENGTH: '',
  CONTENT_TYPE: '',
  HTTP_HOST: 'example.org:8000',
  HTTP_USER_AGENT:
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36',
  HTTP_ACCEPT: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  HTTP_ACCEPT_LANGUAGE: 'en-US,en;q=0.9,de;q=0.8',
  HTTP_ACCEPT_ENCODING: 'gzip, deflate, br, zstd',
  HTTP_COOKIE:
    'session=0123456789abcdef0123456789abcdef; consent=1; theme=dark; _id=GS1.1.1234567890.1.1.1234567890.0.0.0',
  HTTP_CACHE_CONTROL: 'max-age=0',
  HTTP_UPGRADE_INSECURE_REQUESTS: '1',
  HTTP_SEC_FETCH_DEST: 'document',
  HTTP_SEC_FETCH_MODE: 'navigate',
  HTTP_SEC_FETCH_SITE: 'same-origin',
  HTTP_REFERER: 'http://example.org:8000/2026/11/',
};

/** The head that PHP prints for a page. */
export const head =
  'X-Powered-By: PHP/8.2.36\r\nSet-Cookie: session=0123456789abcdef; path=/; HttpOnly\r\nExpires: Thu, 19 Nov 1981 08:52:00 GMT\r\n' +
  'Cache-Control: no-store, no-cache, must-revalidate\r\nPragma: no-cache\r\nContent-type: text/html; charset=UTF-8\r\n\r\n';

/** A small page. */
export const page: Buffer = Buffer.from(`<!doctype html><title>hello</title><p>${'hello '.repeat(40)}</p>`);

/** A piece of a large answer. */
export const bulk: Buffer = Buffer.alloc(32_768, 'x');
