// The keys of a site that say which names it has, how it speaks TLS, and where it sends who came elsewhere. Pure.

import { z } from 'zod';
import { normalPattern } from '../protocol/http/host-table.ts';
import { oneOrMore, text } from './key-types.ts';

const host = z
  .string()
  .refine(
    (name) => normalPattern(name) !== null,
    'write a name such as "example.org" or "*.example.org", without port and path',
  )
  .transform((name) => normalPattern(name) ?? name);

const files = z
  .strictObject({
    certificate: oneOrMore(text).meta({
      description: 'The file of the certificate, followed by those that lead to its authority (PEM).',
    }),
    key: oneOrMore(text).meta({ description: 'The file of its key (PEM, not encrypted).' }),
  })
  .refine(
    ({ certificate, key }) => certificate.length === key.length,
    'give as many keys as certificates, in the same order',
  );

const local = z.strictObject({
  authority: text.meta({ description: 'The file of an authority of this machine (PEM).' }),
  key: text.meta({ description: 'The file of its key (PEM, not encrypted).' }),
});

const clientCertificates = z.strictObject({
  authority: text.meta({ description: 'The file of the authorities (PEM) whose certificates are accepted.' }),
  required: z
    .boolean()
    .prefault(true)
    .meta({ description: 'Whether a client without a good certificate is answered 403.' }),
  revoked: text.optional().meta({ description: "The file of the authorities' lists of revoked certificates (PEM)." }),
  user: z
    .string()
    .regex(/^SSL_CLIENT_[A-Za-z0-9_]+$/, 'name a variable such as "SSL_CLIENT_S_DN_CN"')
    .optional()
    .meta({ description: 'The variable that becomes REMOTE_USER: "SSL_CLIENT_S_DN_CN".' }),
});

export const tlsKeys = {
  proxyFields: z.enum(['X-Forwarded-*', 'Forwarded']).prefault('X-Forwarded-*').meta({
    description: 'By which fields the trustedProxies tell of their clients; what they say in the others is not read.',
  }),
  host: z
    .union([host, z.array(host)])
    .transform((value) => (Array.isArray(value) ? value : [value]))
    .prefault([])
    .meta({
      description:
        'Names of the site, where several listen on one address: "example.org", "*.example.org" (any depth; exact names first). Without: the site for all names that no other has.',
    }),
  tls: z
    .union([z.literal('auto'), files, local])
    .optional()
    .meta({
      description:
        'For "https://" listeners: "auto" gets certificates by itself, see [acme]; or { certificate, key }, files in PEM; lists of both for several kinds of keys; or { authority, key }, which makes certificates for localhost and *.localhost, as serve --tls does.',
    }),
  clientCertificates: clientCertificates.optional().meta({
    description:
      'Asks clients of "https://" for a certificate: { authority, required, revoked, user }. authority and revoked are files in PEM; required = false lets others in; user = "SSL_CLIENT_S_DN_CN" makes that variable REMOTE_USER.',
  }),
  redirect: z
    .string()
    .regex(
      /^(?:https|https?:\/\/[^/?#@\s]+)$/,
      'write an origin such as "https://example.org", or "https" for the same name',
    )
    .optional()
    .meta({
      description:
        'Sends whoever came elsewhere to this origin: "https://example.org"; "https": to the same name by HTTPS. Requests that came there are served.',
    }),
};
