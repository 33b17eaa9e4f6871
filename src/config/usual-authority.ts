// The authority for certificates that is asked when no other is named. It stands alone: whoever compares with it has no need of the schema.

/** URL of its directory. */
export const usualDirectory = 'https://acme-v02.api.letsencrypt.org/directory';
