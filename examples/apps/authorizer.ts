// An authorizer: a web server asks it before each request whether the request may go on.

import { allow, defineApp, run } from '../../src/app/index.ts';

const passwords: Readonly<Record<string, string>> = { ann: 'secret' };

const app = defineApp({
  authorize(request) {
    const [scheme, credentials] = (request.headers.get('authorization') ?? '').split(' ');
    const [name, password] = Buffer.from(scheme === 'Basic' ? (credentials ?? '') : '', 'base64')
      .toString()
      .split(':');
    if (name && password && Object.hasOwn(passwords, name) && passwords[name] === password) {
      return allow({ REMOTE_USER: name });
    }
    return new Response('Who are you?\n', { status: 401, headers: { 'www-authenticate': 'Basic realm="example"' } });
  },
});

await run(app);
