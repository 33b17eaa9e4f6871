// The section [acme]: from which authority certificates are got by themselves, and where they are kept. Pure.

import { z } from 'zod';
import { text } from './key-types.ts';
import { usualDirectory } from './usual-authority.ts';

const base64url = z.string().regex(/^[\w-]{16,}$/, 'write it as the authority gave it, in base64url');

export const acme = z.strictObject({
  email: z
    .string()
    .regex(/^[^\s@,?]+@[^\s@,?]+$/, 'write an address such as "admin@example.org"')
    .optional()
    .meta({ description: 'Where the authority tells of what it must.' }),
  directory: z
    .string()
    .regex(/^https:\/\/[^\s#]+$/, 'write the URL of a directory: "https://..."')
    .prefault(usualDirectory)
    .meta({
      description: 'URL of the directory of an authority, whose terms tls = "auto" agrees to.',
    }),
  ca: text.optional().meta({
    description:
      "The file (PEM) that the certificate of the directory's own server is checked with, where it is no public one.",
  }),
  externalAccount: z
    .strictObject({
      id: text.meta({ description: 'Its key identifier.' }),
      key: base64url.meta({ description: 'Its MAC key, in base64url.' }),
    })
    .optional()
    .meta({ description: 'An account that was made with the authority before: { id, key }, as it gave them.' }),
  profile: text.optional().meta({
    description: 'Kind of certificate, where the authority has several: "shortlived". Default: its usual one.',
  }),
  challenges: z
    .array(z.enum(['http-01', 'tls-alpn-01']))
    .min(1)
    .optional()
    .meta({
      description:
        'Ways to prove that a name is ours, the first one first: "http-01" (port 80), "tls-alpn-01" (port 443). Default: those that the listeners can answer.',
    }),
  store: text.optional().meta({
    description:
      'Folder where accounts, keys and certificates are kept, 0700; several services may share it. Default: acme in /var/lib/postern, in $STATE_DIRECTORY, or in $XDG_DATA_HOME/postern.',
  }),
});
