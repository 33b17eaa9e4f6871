import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acmeFindings, challengesOf, isPublic } from '../../src/certificates/acme-sites.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';

const of = (listen: string[], more: Partial<ConfigInput['acme']> = {}, host: string[] = ['www.debian.org']) =>
  defineConfig({ acme: { store: '/var/lib/x', ...more }, site: { main: { listen, host, tls: 'auto', root: '/tmp' } } })
    .values;

describe('a site that gets its certificates by itself', () => {
  it('is proved the way that its listeners can answer, and an authority will find', () => {
    for (const [listen, ways] of [
      [['https://:443'], ['tls-alpn-01']],
      [['https://:8443'], ['tls-alpn-01']],
      [
        ['https://:443', 'http://:80'],
        ['http-01', 'tls-alpn-01'],
      ],
      [
        ['https://:443', ':8080'],
        ['tls-alpn-01', 'http-01'],
      ],
      [
        ['https://:8443', ':8080'],
        ['http-01', 'tls-alpn-01'],
      ],
      [[], ['http-01', 'tls-alpn-01']],
    ] as const)
      assert.deepEqual(challengesOf(of([...listen])), ways, listen.join(' '));
    assert.deepEqual(challengesOf(of(['https://:443'], { challenges: ['http-01'] })), ['http-01']);
  });

  it('is told which port nobody listens on, and which names are not public', () => {
    const messages = (values: ReturnType<typeof of>): string =>
      acmeFindings(values)
        .map((one) => one.message)
        .join('\n');
    assert.equal(messages(of(['https://:443', 'http://:80'])), '');
    assert.equal(messages(of(['https://:443', ':8080'])), '', 'one way is enough');
    assert.match(
      messages(of(['https://:8443', ':8080'])),
      /port 80 .* or port 443 .* no listener has it: add it to listen/,
    );
    assert.match(
      messages(of(['https://:443'], { challenges: ['http-01'] })),
      /looks at port 80 \("http:\/\/:80"\), and/,
    );
    const local = ['www.debian.org', 'nas', 'nas.local', 'a.test', 'shop.internal', 'localhost'];
    const found = acmeFindings(of(['https://:443'], {}, local)).map(({ message }) => message.split('"')[1]);
    assert.deepEqual(found, local.slice(1));
    // An authority of one's own knows names of its own.
    assert.equal(messages(of(['https://:443'], { directory: 'https://acme.internal/dir' }, local)), '');
    assert.ok(isPublic('xn--bcher-kva.example.org') && !isPublic('org'));
  });
});
