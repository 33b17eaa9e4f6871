// Presets of applications: Nextcloud, phpBB, Matomo, Moodle. Data; what each follows stands above it.

import { assets, type Preset } from './preset-data.ts';

// docs.nextcloud.com, admin manual, NGINX configuration.
const nextcloud: Preset = {
  holds: ['remote.php', 'occ'],
  fallback: '/index.php',
  scripts: ['/apps/richdocumentscode/proxy.php', '/custom_apps/richdocumentscode/proxy.php'],
  env: { front_controller_active: 'true', modHeadersAvailable: 'true' },
  deny: [
    '/{build,tests,config,lib,3rdparty,templates,data}/*',
    '/{occ,console.php,autotest.sh,autotest-external.sh,issue_template.md,db_structure.xml,indie.json}',
    '/{apps,custom_apps,dist,themes}/*.{php,phar}',
    '/{AUTHORS,COPYING,composer.json,composer.lock,package.json,package-lock.json}',
  ],
  rules: [
    { match: ['/.well-known/carddav', '/.well-known/caldav'], redirect: '/remote.php/dav/?' },
    { match: '/.well-known/acme-challenge/*', try: ['$path', '=404'] },
    { match: '/.well-known/*', redirect: '/index.php$path' },
    { match: '/remote/*', redirect: '/remote.php/$1' },
    { match: '*.{css,js,mjs,svg,gif,ico,jpg,png,webp,wasm,tflite,map,ogg,flac}', expires: '182d' },
    { match: '*.{woff,woff2,otf}', expires: '7d' },
    {
      match: '/*',
      header: {
        'Referrer-Policy': 'no-referrer',
        'X-Content-Type-Options': 'nosniff',
        'X-Frame-Options': 'SAMEORIGIN',
        'X-Permitted-Cross-Domain-Policies': 'none',
        'X-Robots-Tag': 'noindex, nofollow',
      },
      removeHeader: 'X-Powered-By',
    },
  ],
};

// docs/nginx.sample.conf of phpBB.
const phpbb: Preset = {
  holds: ['viewtopic.php', 'phpbb'],
  fallback: '/app.php',
  deny: [
    '/{config.php,common.php}',
    '/{cache,files,store,includes,phpbb,vendor,config,docs,develop}/*',
    '/images/avatars/upload/*',
    '/images/*.{php,phar}',
    '/{ext,styles,language}/*.{php,yml,xml,htm.bak}',
  ],
  rules: [
    { match: '/install/*', try: ['$path', '$path/', '/install/app.php'] },
    { match: assets, expires: '7d' },
  ],
};

// github.com/matomo-org/matomo-nginx: these scripts run, and no other.
const matomo: Preset = {
  holds: ['matomo.php', 'core'],
  scripts: ['/index.php', '/matomo.php', '/piwik.php', '/js/index.php', '/plugins/HeatmapSessionRecording/configs.php'],
  deny: [
    '*.php',
    '/{config,tmp,core,lang,vendor/bin}/*',
    '{README.md,CHANGELOG.md,LEGALNOTICE,LICENSE,PRIVACY.md,SECURITY.md,CONTRIBUTING.md,bower.json,plugin.json,pm2.yml}',
    '*.{md,sh,yml,phar,twig,dist}',
    '/console',
  ],
  rules: [
    { match: '*.{css,js,png,jpg,jpeg,gif,webp,svg,ico,woff,woff2,ttf,json,wasm}', expires: '1h' },
    { match: '/*', header: { 'Referrer-Policy': 'origin', 'X-Content-Type-Options': 'nosniff' } },
  ],
};

// docs.moodle.org/en/Nginx: what it keeps from strangers.
const moodle: Preset = {
  holds: ['config-dist.php', 'course/view.php'],
  deny: [
    '/{vendor,node_modules,lib/tests}/*',
    '/admin/cli/*',
    '{composer.json,composer.lock,npm-shrinkwrap.json,phpunit.xml,phpunit.xml.dist,behat.yml.dist,Gruntfile.js,environment.xml,readme.txt,README.txt,readme_moodle.txt,upgrade.txt,UPGRADING.md,install.xml,README.md,fixtures,behat}',
    '/{config.php,config-dist.php}',
    '*.{lock,stub}',
  ],
  rules: [{ match: '/theme/*.{woff,woff2,ttf,svg,png,gif,ico}', expires: '30d' }],
};

export const toolPresets = { nextcloud, phpbb, matomo, moodle } as const;
