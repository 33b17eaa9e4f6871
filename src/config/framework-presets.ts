// Presets of frameworks: Laravel and Symfony. Data; what each follows stands above it.
//
// Of a framework one script runs. "/index.php/page" is that script, too: it reads REQUEST_URI.

import { assets, immutable, type Preset } from './preset-data.ts';

const oneScript = {
  fallback: '/index.php',
  scripts: ['/index.php'],
} as const;

const intoTheScript = { match: '/index.php/*', rewrite: '/index.php' } as const;

// laravel.com/docs/deployment, nginx; Vite builds into public/build, and uploads come through the link public/storage.
const laravel: Preset = {
  ...oneScript,
  holds: ['index.php'],
  folder: 'public',
  deny: ['*.{php,phar,phtml}', '/{artisan,server.php,mix-manifest.json,hot}', '*.{env,sqlite,blade,lock}'],
  rules: [
    intoTheScript,
    { match: '/build/assets/*', header: immutable },
    { match: '/*', header: { 'X-Frame-Options': 'SAMEORIGIN', 'X-Content-Type-Options': 'nosniff' } },
    { match: assets, expires: '7d' },
  ],
};

// symfony.com/doc/current/setup/web_server_configuration.html, nginx; bundles bring assets, Encore builds into public/build, AssetMapper into public/assets.
const symfony: Preset = {
  ...oneScript,
  holds: ['index.php'],
  folder: 'public',
  deny: ['*.{php,phar,phtml}', '*.{env,twig,yaml,yml,lock}'],
  rules: [
    intoTheScript,
    { match: ['/build/*', '/assets/*'], header: immutable },
    { match: '/bundles/*', expires: '7d' },
    { match: assets, expires: '7d' },
  ],
};

export const frameworkPresets = { laravel, symfony } as const;
