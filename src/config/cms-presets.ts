// Presets of content management systems and wikis: WordPress, Drupal, Joomla, MediaWiki, DokuWiki. Data; what each follows stands above it.

import { assets, noSniffing, type Preset } from './preset-data.ts';

// Hardening WordPress (developer.wordpress.org/advanced-administration/security/hardening) and its rewrite rules for networks of sites.
const wordpress: Preset = {
  holds: ['wp-load.php', 'wp-includes'],
  fallback: '/index.php',
  // Networks of before WordPress 3.5, and the editor where it is compressed by PHP.
  scripts: ['/wp-includes/ms-files.php', '/wp-includes/js/tinymce/wp-tinymce.php'],
  deny: [
    '/wp-admin/includes/*',
    '/wp-includes/*.php',
    '/wp-content/{uploads,files,blogs.dir,upgrade,cache,backups,ai1wm-backups,updraft,wflogs}/*.{php,phar}',
    '/wp-content/{backups,ai1wm-backups,updraft,wflogs}/*',
    '/{wp-config.php,wp-config-sample.php}',
  ],
  rules: [
    // A network in sub-folders: what belongs to all of its sites stands at the top.
    { match: '/{site}/wp-admin', redirect: '/$site/wp-admin/' },
    { match: '/{site}/wp-admin/*', try: ['$path', '/wp-admin/$2', '/wp-admin/$2/', '/index.php'] },
    { match: '/{site}/wp-content/*', try: ['$path', '/wp-content/$2', '/index.php'] },
    { match: '/{site}/wp-includes/*', try: ['$path', '/wp-includes/$2', '/index.php'] },
    { regex: '^/[_0-9a-zA-Z-]+(/(?:wp-[a-z-]+|xmlrpc)\\.php)$', try: ['$path', '$1', '/index.php'] },
    { match: assets, expires: '30d' },
  ],
};

// The .htaccess that Drupal brings.
const drupal: Preset = {
  holds: ['index.php', 'core/lib/Drupal.php'],
  folder: 'web',
  fallback: '/index.php',
  scripts: [
    ...['/core/authorize.php', '/core/install.php', '/core/rebuild.php', '/core/modules/statistics/statistics.php'],
  ],
  deny: [
    '*.{engine,install,make,module,profile,po,sh,theme,twig,xtmpl,yml,yaml}',
    '/{core,modules,themes,profiles,sites,libraries,vendor}/*.php',
    '/autoload.php',
    '/vendor/*',
    '/sites/default/private/*',
    '{composer.json,composer.lock,yarn.lock,CVS,Entries,Repository}',
  ],
  rules: [{ match: assets, expires: '14d' }, noSniffing],
};

// htaccess.txt of Joomla, and docs.joomla.org on nginx: no PHP in folders that hold data.
const joomla: Preset = {
  holds: ['configuration.php', 'administrator/index.php'],
  fallback: '/index.php',
  deny: [
    '/{images,media,cache,tmp,logs,language,layouts,libraries,modules,plugins,components,includes,templates,cli,bin}/*.php',
    '/administrator/{cache,logs,manifests,components,modules,language,templates,help,includes}/*.php',
    '/{cache,tmp,logs,cli,bin,libraries,layouts}/*',
    '/administrator/{cache,logs,manifests}/*',
    '/{configuration.php,htaccess.txt,web.config.txt,LICENSE.txt,README.txt,joomla.xml}',
    '*.{ini,xml.bak}',
  ],
  rules: [{ match: '/api/*', try: ['$path', '/api/index.php'] }, { match: assets, expires: '30d' }, noSniffing],
};

// mediawiki.org/wiki/Manual:Short_URL/Nginx and Manual:Security.
const mediawiki: Preset = {
  holds: ['api.php', 'load.php'],
  deny: [
    '/{cache,includes,languages,maintenance,serialized,tests,vendor,docs}/*',
    '/{images,extensions,skins,resources,cache}/*.{php,phar}',
    '/{images,extensions,skins}/*.{phtml,pl,py,cgi,sh,jsp}',
    '/images/{deleted,lockdir,temp}/*',
    '/{LocalSettings.php,autoload.php,jsduck.json,phpunit.xml.dist,Gruntfile.js,RELEASE-NOTES,UPGRADE,INSTALL,FAQ,SECURITY,CREDITS,HISTORY}',
    '/w/{cache,includes,languages,maintenance,serialized,tests,vendor,docs}/*',
    '/w/{images,extensions,skins,resources}/*.{php,phar}',
    '/w/images/{deleted,lockdir,temp}/*',
    '/w/LocalSettings.php',
  ],
  rules: [
    // The installer, which is nobody's once its work is done: then a file is there that is denied.
    { match: '/mw-config/*', try: ['/LocalSettings.php', '$path'] },
    { match: '/w/mw-config/*', try: ['/w/LocalSettings.php', '$path'] },
    { match: '/wiki/*', try: ['/w/index.php', '/index.php'] },
    { match: ['/images/thumb/*', '/w/images/thumb/*'], try: ['$path', '=404'] },
    { match: ['/images/*', '/w/images/*'], header: { 'X-Content-Type-Options': 'nosniff' } },
    {
      match: ['/images/*.svg', '/w/images/*.svg'],
      header: { 'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox" },
    },
    { match: ['/{resources,skins,extensions}/*', '/w/{resources,skins,extensions}/*'], expires: '7d' },
  ],
};

// dokuwiki.org/install:nginx and dokuwiki.org/rewrite: `userewrite = 1`, which its admin page asks for.
const dokuwiki: Preset = {
  holds: ['doku.php', 'inc'],
  deny: [
    '/{data,conf,bin,inc,vendor}/*',
    '/lib/{plugins,tpl,images,scripts,styles}/*.{ini,conf}',
    '/{README,COPYING,VERSION,SECURITY.md,.htaccess.dist}',
  ],
  rules: [
    // Before the last rule makes a page of what is not there.
    { match: '/{data,conf,bin,inc,vendor}/*', status: 404 },
    { match: '/_media/*', rewrite: '/lib/exe/fetch.php?media=$1&$query' },
    { match: '/_detail/*', rewrite: '/lib/exe/detail.php?media=$1&$query' },
    { match: '/_export/{how}/*', rewrite: '/doku.php?do=export_$how&id=$2&$query' },
    // `userewrite = 2`.
    { match: '/doku.php/*', try: ['$path', '/doku.php?id=$1&$query'] },
    { match: '/lib/exe/{script}.php/*', try: ['$path', '/lib/exe/$script.php?media=$2&$query'] },
    { match: '/lib/*.{css,js,png,gif,ico,jpg,jpeg,svg,woff,woff2}', expires: '30d' },
    { match: '/*', try: ['$path', '$path/', '/doku.php?id=$1&$query'] },
  ],
};

export const cmsPresets = { wordpress, drupal, joomla, mediawiki, dokuwiki } as const;
