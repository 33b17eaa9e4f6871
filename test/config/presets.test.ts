import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { defineConfig } from '../../src/config/define-config.ts';
import { createGateway, type Gateway } from '../../src/gateway/handle.ts';
import { ruleLine } from '../../src/rules/rule-words.ts';
import { siteOf } from '../../src/sites/configured-gateways.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ask, httpRequest } from '../support/recording-answer.ts';
import { ScriptedBackend } from '../support/scripted-backend.ts';
import { writeFiles } from '../support/site.ts';

/** What a URL must get: "run SCRIPT?QUERY", "file", a status with the place that it leads to, or a status. */
type Rows = Readonly<Record<string, string>>;

interface Shape {
  /** Files of the site; what is in them does not matter. */
  readonly files: readonly string[];
  readonly rows: Rows;
}

const shapes: Readonly<Record<string, Shape>> = {
  wordpress: {
    files: [
      ...[
        'index.php',
        'wp-login.php',
        'wp-load.php',
        'wp-config.php',
        'wp-config-sample.php',
        'xmlrpc.php',
        'wp-cron.php',
        'readme.html',
      ],
      ...['wp-admin/index.php', 'wp-admin/admin-ajax.php', 'wp-admin/includes/file.php', 'wp-admin/css/login.css'],
      ...[
        'wp-includes/version.php',
        'wp-includes/ms-files.php',
        'wp-includes/js/jquery.js',
        'wp-includes/js/tinymce/wp-tinymce.php',
      ],
      ...['wp-content/themes/t/style.css', 'wp-content/themes/t/functions.php', 'wp-content/plugins/p/ajax.php'],
      ...[
        'wp-content/uploads/2026/a.jpg',
        'wp-content/uploads/2026/shell.php',
        'wp-content/uploads/shell.phtml',
        'wp-content/debug.log',
      ],
      ...[
        'wp-content/cache/x.php',
        'wp-content/backups/db.sql',
        'wp-content/updraft/all.zip',
        '.htaccess',
        '.env',
        '.git/config',
        'dump.sql',
      ],
    ],
    rows: {
      '/': 'run /index.php',
      '/2026/hello-world/': 'run /index.php',
      '/wp-json/wp/v2/posts?page=2': 'run /index.php?page=2',
      '/feed/': 'run /index.php',
      '/robots.txt': 'run /index.php',
      '/wp-login.php': 'run /wp-login.php',
      '/wp-login.php?action=logout': 'run /wp-login.php?action=logout',
      '/xmlrpc.php': 'run /xmlrpc.php',
      '/wp-cron.php?doing_wp_cron': 'run /wp-cron.php?doing_wp_cron',
      '/wp-admin/': 'run /wp-admin/index.php',
      '/wp-admin': '301 /wp-admin/',
      '/wp-admin/admin-ajax.php': 'run /wp-admin/admin-ajax.php',
      '/wp-admin/css/login.css?ver=6': 'file',
      '/wp-admin/includes/file.php': '404',
      '/wp-includes/version.php': '404',
      '/wp-includes/version.php/x': '404',
      '/wp-includes/ms-files.php?file=a.jpg': 'run /wp-includes/ms-files.php?file=a.jpg',
      '/wp-includes/js/jquery.js': 'file',
      '/wp-content/themes/t/style.css': 'file',
      '/wp-content/plugins/p/ajax.php': 'run /wp-content/plugins/p/ajax.php',
      '/wp-content/uploads/2026/a.jpg': 'file',
      '/wp-content/uploads/2026/shell.php': '404',
      '/wp-content/uploads/2026/shell.php/a.jpg': '404',
      '/wp-content/uploads/2026/a.jpg/x.php': '404',
      '/wp-content/uploads/shell.phtml': '404',
      '/wp-content/cache/x.php': '404',
      '/wp-content/backups/db.sql': '404',
      '/wp-content/updraft/all.zip': '404',
      '/wp-content/debug.log': '404',
      '/wp-config.php': '404',
      '/wp-config.php/': '404',
      '/wp-config-sample.php': '404',
      '/.htaccess': '404',
      '/.env': '404',
      '/.git/config': '404',
      '/dump.sql': '404',
      // A network in sub-folders.
      '/blog/': 'run /index.php',
      '/blog/wp-admin': '301 /blog/wp-admin/',
      '/blog/wp-admin/': 'run /wp-admin/index.php',
      '/blog/wp-admin/admin-ajax.php': 'run /wp-admin/admin-ajax.php',
      '/blog/wp-admin/css/login.css': 'file',
      '/blog/wp-admin/includes/file.php': '404',
      '/blog/wp-login.php': 'run /wp-login.php',
      '/blog/wp-content/uploads/2026/a.jpg': 'file',
      '/blog/wp-content/uploads/2026/shell.php': '404',
      '/blog/wp-includes/version.php': '404',
      '/blog/wp-config.php': '404',
    },
  },
  laravel: {
    files: [
      ...[
        'index.php',
        'other.php',
        'favicon.ico',
        'robots.txt',
        'build/assets/app-1a2b.js',
        'build/manifest.json',
        'css/a.css',
      ],
      ...[
        'storage/a.jpg',
        'storage/shell.php',
        '.env',
        '.env.example',
        '.well-known/security.txt',
        'hot',
        'database.sqlite',
        'web.config',
      ],
    ],
    rows: {
      '/': 'run /index.php',
      '/users/1?x=y': 'run /index.php?x=y',
      '/index.php': 'run /index.php',
      '/index.php/users/1?x=y': 'run /index.php?x=y',
      '/api/users.json': 'run /index.php',
      '/favicon.ico': 'file',
      '/robots.txt': 'file',
      '/build/assets/app-1a2b.js': 'file',
      '/build/assets/gone.js': 'run /index.php',
      '/css/a.css': 'file',
      '/storage/a.jpg': 'file',
      '/storage/shell.php': '404',
      '/storage/shell.php/x': '404',
      '/other.php': '404',
      '/none.php': '404',
      '/.env': '404',
      '/.env.example': '404',
      '/hot': '404',
      '/database.sqlite': '404',
      '/web.config': '404',
      '/.well-known/security.txt': 'file',
      '/vendor/autoload.php': '404',
    },
  },
  symfony: {
    files: [
      ...[
        'index.php',
        'app_dev.php',
        'favicon.ico',
        'robots.txt',
        'bundles/admin/a.css',
        'build/app.1a2b.js',
        'assets/app-1a2b.css',
      ],
      ...[
        'uploads/a.jpg',
        'uploads/shell.php',
        'uploads/shell.phtml',
        '.env',
        '.env.local',
        'config.yaml',
        'a.twig',
        '.htaccess',
      ],
    ],
    rows: {
      '/': 'run /index.php',
      '/blog/posts/1': 'run /index.php',
      '/_profiler/1?panel=db': 'run /index.php?panel=db',
      '/index.php/blog/posts/1': 'run /index.php',
      '/index.php': 'run /index.php',
      '/favicon.ico': 'file',
      '/robots.txt': 'file',
      '/bundles/admin/a.css': 'file',
      '/build/app.1a2b.js': 'file',
      '/assets/app-1a2b.css': 'file',
      '/assets/gone.css': 'run /index.php',
      '/uploads/a.jpg': 'file',
      '/uploads/shell.php': '404',
      '/uploads/shell.phtml': '404',
      '/uploads/a.jpg/index.php': '404',
      '/app_dev.php': '404',
      '/app_dev.php/_profiler': '404',
      '/.env': '404',
      '/.env.local': '404',
      '/config.yaml': '404',
      '/a.twig': '404',
      '/.htaccess': '404',
    },
  },
  drupal: {
    files: [
      ...[
        'index.php',
        'update.php',
        'autoload.php',
        'robots.txt',
        'composer.json',
        'composer.lock',
        'web.config',
        'core/lib/Drupal.php',
      ],
      ...[
        'core/install.php',
        'core/rebuild.php',
        'core/authorize.php',
        'core/includes/bootstrap.inc',
        'core/misc/drupal.js',
        'core/core.services.yml',
      ],
      ...[
        'modules/m/m.module',
        'modules/m/m.php',
        'modules/m/m.css',
        'themes/t/page.html.twig',
        'themes/t/t.theme',
        'themes/t/logo.svg',
      ],
      ...[
        'sites/default/settings.php',
        'sites/default/services.yml',
        'sites/default/files/a.jpg',
        'sites/default/files/shell.php',
      ],
      ...['sites/default/private/a.pdf', 'vendor/autoload.php', 'vendor/a.js', '.htaccess'],
    ],
    rows: {
      '/': 'run /index.php',
      '/node/1?page=2': 'run /index.php?page=2',
      '/user/login': 'run /index.php',
      '/index.php/node/1': 'run /index.php',
      '/update.php/selection': 'run /update.php',
      '/core/install.php': 'run /core/install.php',
      '/core/rebuild.php': 'run /core/rebuild.php',
      '/core/lib/Drupal.php': '404',
      '/core/includes/bootstrap.inc': '404',
      '/core/core.services.yml': '404',
      '/core/misc/drupal.js': 'file',
      '/modules/m/m.module': '404',
      '/modules/m/m.php': '404',
      '/modules/m/m.css': 'file',
      '/themes/t/page.html.twig': '404',
      '/themes/t/t.theme': '404',
      '/themes/t/logo.svg': 'file',
      '/sites/default/settings.php': '404',
      '/sites/default/services.yml': '404',
      '/sites/default/files/a.jpg': 'file',
      '/sites/default/files/styles/large/public/a.jpg': 'run /index.php',
      '/sites/default/files/shell.php': '404',
      '/sites/default/private/a.pdf': '404',
      '/vendor/autoload.php': '404',
      '/vendor/a.js': '404',
      '/autoload.php': '404',
      '/composer.json': '404',
      '/robots.txt': 'file',
      '/.htaccess': '404',
    },
  },
  joomla: {
    files: [
      ...[
        'index.php',
        'configuration.php',
        'htaccess.txt',
        'LICENSE.txt',
        'robots.txt',
        'administrator/index.php',
        'api/index.php',
      ],
      ...['administrator/cache/x.php', 'administrator/manifests/files/joomla.xml', 'administrator/components/c/c.php'],
      ...[
        'images/a.jpg',
        'images/shell.php',
        'media/system/js/core.js',
        'media/x.php',
        'templates/t/css/t.css',
        'templates/t/index.php',
      ],
      ...[
        'cache/x.php',
        'tmp/a.zip',
        'cli/joomla.php',
        'libraries/loader.php',
        'language/en.ini',
        'plugins/p/p.php',
        '.htaccess',
      ],
    ],
    rows: {
      '/': 'run /index.php',
      '/about-us?x=1': 'run /index.php?x=1',
      '/index.php/about': 'run /index.php',
      '/administrator/': 'run /administrator/index.php',
      '/administrator/index.php?option=x': 'run /administrator/index.php?option=x',
      '/api/index.php/v1/content': 'run /api/index.php',
      '/api/v1/content': 'run /api/index.php',
      '/configuration.php': '404',
      '/htaccess.txt': '404',
      '/LICENSE.txt': '404',
      '/administrator/cache/x.php': '404',
      '/administrator/manifests/files/joomla.xml': '404',
      '/administrator/components/c/c.php': '404',
      '/images/a.jpg': 'file',
      '/images/shell.php': '404',
      '/media/system/js/core.js': 'file',
      '/media/x.php': '404',
      '/templates/t/css/t.css': 'file',
      '/templates/t/index.php': '404',
      '/cache/x.php': '404',
      '/tmp/a.zip': '404',
      '/cli/joomla.php': '404',
      '/libraries/loader.php': '404',
      '/language/en.ini': '404',
      '/plugins/p/p.php': '404',
      '/robots.txt': 'file',
      '/.htaccess': '404',
    },
  },
  mediawiki: {
    files: [
      ...[
        'index.php',
        'api.php',
        'load.php',
        'rest.php',
        'thumb.php',
        'LocalSettings.php',
        'autoload.php',
        'mw-config/index.php',
        'mw-config/config.css',
      ],
      ...[
        'includes/WebStart.php',
        'languages/Language.php',
        'maintenance/run.php',
        'maintenance/update.php',
        'vendor/autoload.php',
        'cache/x.cdb',
      ],
      ...[
        'images/a/ab/A.png',
        'images/shell.php',
        'images/x.phtml',
        'images/deleted/a.png',
        'images/thumb/a/ab/A.png/120px-A.png',
        'images/S.svg',
      ],
      ...[
        'extensions/E/E.php',
        'extensions/E/e.js',
        'extensions/E/x.sh',
        'skins/Vector/a.css',
        'skins/Vector/V.php',
        'resources/assets/logo.png',
      ],
      ...['composer.json', 'INSTALL', 'RELEASE-NOTES', 'tests/phpunit/x.php', '.git/config'],
    ],
    rows: {
      '/': 'run /index.php',
      '/index.php?title=Main_Page': 'run /index.php?title=Main_Page',
      '/index.php/Main_Page': 'run /index.php',
      '/wiki/Main_Page?action=edit': 'run /index.php?action=edit',
      '/wiki/AC/DC': 'run /index.php',
      '/api.php?action=query': 'run /api.php?action=query',
      '/load.php?modules=site': 'run /load.php?modules=site',
      '/rest.php/v1/page/A': 'run /rest.php',
      '/mw-config/': '404',
      '/mw-config/index.php?page=Welcome': '404',
      '/mw-config/index.php/x': '404',
      '/mw-config/config.css': '404',
      '/LocalSettings.php': '404',
      '/LocalSettings.php/x': '404',
      '/includes/WebStart.php': '404',
      '/languages/Language.php': '404',
      '/maintenance/run.php': '404',
      '/vendor/autoload.php': '404',
      '/cache/x.cdb': '404',
      '/tests/phpunit/x.php': '404',
      '/images/a/ab/A.png': 'file',
      '/images/S.svg': 'file',
      '/images/thumb/a/ab/A.png/120px-A.png': 'file',
      '/images/thumb/a/ab/A.png/121px-A.png': '404',
      '/images/shell.php': '404',
      '/images/x.phtml': '404',
      '/images/deleted/a.png': '404',
      '/extensions/E/E.php': '404',
      '/extensions/E/e.js': 'file',
      '/extensions/E/x.sh': '404',
      '/skins/Vector/a.css': 'file',
      '/skins/Vector/V.php': '404',
      '/resources/assets/logo.png': 'file',
      '/composer.json': '404',
      '/INSTALL': '404',
      '/.git/config': '404',
    },
  },
  dokuwiki: {
    files: [
      ...[
        'index.php',
        'doku.php',
        'feed.php',
        'install.php',
        'README',
        'VERSION',
        'inc/init.php',
        'bin/dwpage.php',
        'vendor/autoload.php',
      ],
      ...[
        'conf/local.php',
        'conf/users.auth.php',
        'data/pages/start.txt',
        'data/media/a.png',
        'data/cache/x.php',
        'robots.txt',
      ],
      ...[
        'lib/exe/fetch.php',
        'lib/exe/detail.php',
        'lib/exe/ajax.php',
        'lib/exe/css.php',
        'lib/tpl/dokuwiki/css/basic.css',
        'lib/scripts/edit.js',
        'lib/tpl/dokuwiki/style.ini',
      ],
      ...['lib/plugins/p/plugin.info.txt', 'lib/images/a.png'],
    ],
    rows: {
      '/': 'run /index.php',
      '/start': 'run /doku.php?id=start',
      '/wiki:syntax?do=edit': 'run /doku.php?id=wiki:syntax&do=edit',
      '/wiki/syntax': 'run /doku.php?id=wiki/syntax',
      '/a%20b%26c': 'run /doku.php?id=a%20b%26c',
      '/doku.php?id=start': 'run /doku.php?id=start',
      '/doku.php/wiki:syntax?do=edit': 'run /doku.php?id=wiki:syntax&do=edit',
      '/feed.php': 'run /feed.php',
      '/_media/wiki/logo.png?w=100': 'run /lib/exe/fetch.php?media=wiki/logo.png&w=100',
      '/_detail/logo.png': 'run /lib/exe/detail.php?media=logo.png',
      '/_export/pdf/wiki:syntax': 'run /doku.php?do=export_pdf&id=wiki:syntax',
      '/lib/exe/fetch.php?media=a.png': 'run /lib/exe/fetch.php?media=a.png',
      '/lib/exe/fetch.php/wiki:a.png': 'run /lib/exe/fetch.php?media=wiki:a.png',
      '/lib/exe/ajax.php': 'run /lib/exe/ajax.php',
      '/lib/tpl/dokuwiki/css/basic.css': 'file',
      '/lib/scripts/edit.js': 'file',
      '/lib/images/a.png': 'file',
      '/lib/tpl/dokuwiki/style.ini': '404',
      '/data/pages/start.txt': '404',
      '/data/media/a.png': '404',
      '/data/cache/x.php': '404',
      '/conf/local.php': '404',
      '/conf/users.auth.php': '404',
      '/inc/init.php': '404',
      '/inc/init.php/x': '404',
      '/bin/dwpage.php': '404',
      '/vendor/autoload.php': '404',
      '/README': '404',
      '/robots.txt': 'file',
      '/.htaccess': '404',
    },
  },
  nextcloud: {
    files: [
      ...[
        'index.php',
        'remote.php',
        'public.php',
        'cron.php',
        'status.php',
        'occ',
        'console.php',
        'ocs/v2.php',
        'ocs-provider/index.php',
        'robots.txt',
      ],
      ...[
        'config/config.php',
        'lib/base.php',
        '3rdparty/autoload.php',
        'data/admin/files/a.txt',
        'data/nextcloud.log',
        'core/js/main.js',
        'core/templates/x.php',
      ],
      ...[
        'apps/files/js/main.mjs',
        'apps/files/appinfo/routes.php',
        'apps/richdocumentscode/proxy.php',
        'themes/x/a.php',
        'core/fonts/a.woff2',
      ],
      ...['updater/index.php', 'AUTHORS', 'COPYING', '.htaccess', '.user.ini'],
    ],
    rows: {
      '/': 'run /index.php',
      '/apps/files/': 'run /index.php',
      '/index.php/apps/files/?dir=/': 'run /index.php?dir=/',
      '/s/AbCdEf': 'run /index.php',
      '/remote.php/dav/files/admin/a.txt': 'run /remote.php',
      '/public.php/webdav': 'run /public.php',
      '/status.php': 'run /status.php',
      '/cron.php': 'run /cron.php',
      '/ocs/v2.php/apps': 'run /ocs/v2.php',
      '/ocs-provider/': 'run /ocs-provider/index.php',
      '/updater/index.php': 'run /updater/index.php',
      '/.well-known/carddav': '301 /remote.php/dav/',
      '/.well-known/webfinger?resource=x': '301 /index.php/.well-known/webfinger?resource=x',
      '/.well-known/acme-challenge/x': '404',
      '/remote/webdav': '301 /remote.php/webdav',
      '/core/js/main.js': 'file',
      '/core/fonts/a.woff2': 'file',
      '/apps/files/js/main.mjs': 'file',
      '/apps/files/appinfo/routes.php': '404',
      '/apps/richdocumentscode/proxy.php?req=/x': 'run /apps/richdocumentscode/proxy.php?req=/x',
      '/themes/x/a.php': '404',
      '/config/config.php': '404',
      '/lib/base.php': '404',
      '/3rdparty/autoload.php': '404',
      '/data/admin/files/a.txt': '404',
      '/data/nextcloud.log': '404',
      '/occ': '404',
      '/console.php': '404',
      '/AUTHORS': '404',
      '/.htaccess': '404',
      '/.user.ini': '404',
      '/robots.txt': 'file',
    },
  },
  phpbb: {
    files: [
      ...[
        'index.php',
        'app.php',
        'viewtopic.php',
        'ucp.php',
        'config.php',
        'common.php',
        'adm/index.php',
        'install/app.php',
        'cache/data.php',
        'files/a',
      ],
      ...[
        'store/backup.sql.gz',
        'includes/functions.php',
        'phpbb/auth.php',
        'vendor/autoload.php',
        'config/parameters.yml',
        'images/avatars/upload/a.jpg',
      ],
      ...[
        'images/smilies/a.gif',
        'images/x.php',
        'styles/prosilver/theme/a.css',
        'styles/prosilver/x.php',
        'ext/a/b/ext.php',
        'ext/a/b/a.js',
        'language/en/x.php',
        'assets/a.js',
      ],
    ],
    rows: {
      '/': 'run /index.php',
      '/viewtopic.php?t=1': 'run /viewtopic.php?t=1',
      '/ucp.php?mode=login': 'run /ucp.php?mode=login',
      '/app.php/help/faq': 'run /app.php',
      '/help/faq': 'run /app.php',
      '/adm/index.php': 'run /adm/index.php',
      '/install/app.php/update': 'run /install/app.php',
      '/install/update': 'run /install/app.php',
      '/config.php': '404',
      '/config.php/x': '404',
      '/common.php': '404',
      '/cache/data.php': '404',
      '/files/a': '404',
      '/store/backup.sql.gz': '404',
      '/includes/functions.php': '404',
      '/phpbb/auth.php': '404',
      '/vendor/autoload.php': '404',
      '/config/parameters.yml': '404',
      '/images/avatars/upload/a.jpg': '404',
      '/images/smilies/a.gif': 'file',
      '/images/x.php': '404',
      '/styles/prosilver/theme/a.css': 'file',
      '/styles/prosilver/x.php': '404',
      '/ext/a/b/ext.php': '404',
      '/ext/a/b/a.js': 'file',
      '/language/en/x.php': '404',
      '/assets/a.js': 'file',
    },
  },
  matomo: {
    files: [
      ...[
        'index.php',
        'matomo.php',
        'piwik.php',
        'matomo.js',
        'js/index.php',
        'config/config.ini.php',
        'config/global.ini.php',
        'tmp/cache/x.php',
      ],
      ...[
        'core/Version.php',
        'lang/en.json',
        'vendor/autoload.php',
        'vendor/bin/x',
        'plugins/P/P.php',
        'plugins/P/a.css',
        'plugins/P/plugin.json',
        'console',
      ],
      ...[
        'misc/cron/archive.php',
        'misc/user/logo.png',
        'README.md',
        'LEGALNOTICE',
        'node_modules/jquery/jquery.js',
        'plugins/P/x.twig',
        'favicon.ico',
      ],
    ],
    rows: {
      '/': 'run /index.php',
      '/index.php?module=API': 'run /index.php?module=API',
      '/matomo.php?idsite=1': 'run /matomo.php?idsite=1',
      '/piwik.php': 'run /piwik.php',
      '/js/': 'run /js/index.php',
      '/js/index.php': 'run /js/index.php',
      '/matomo.js': 'file',
      '/config/config.ini.php': '404',
      '/config/global.ini.php': '404',
      '/tmp/cache/x.php': '404',
      '/core/Version.php': '404',
      '/lang/en.json': '404',
      '/vendor/autoload.php': '404',
      '/vendor/bin/x': '404',
      '/plugins/P/P.php': '404',
      '/plugins/P/P.php/x': '404',
      '/plugins/P/a.css': 'file',
      '/plugins/P/plugin.json': '404',
      '/plugins/P/x.twig': '404',
      '/misc/cron/archive.php': '404',
      '/misc/user/logo.png': 'file',
      '/node_modules/jquery/jquery.js': 'file',
      '/console': '404',
      '/README.md': '404',
      '/LEGALNOTICE': '404',
      '/favicon.ico': 'file',
    },
  },
  moodle: {
    files: [
      ...[
        'index.php',
        'config.php',
        'config-dist.php',
        'login/index.php',
        'course/view.php',
        'pluginfile.php',
        'admin/cli/cron.php',
        'admin/index.php',
        'admin/cron.php',
      ],
      ...[
        'theme/styles.php',
        'theme/boost/pix/a.png',
        'theme/boost/fonts/a.woff2',
        'lib/javascript.php',
        'lib/tests/x.php',
        'lib/upgrade.txt',
        'lib/db/install.xml',
      ],
      ...[
        'vendor/autoload.php',
        'node_modules/a.js',
        'composer.json',
        'phpunit.xml',
        'README.txt',
        'mod/x/tests/fixtures/a.txt',
        'mod/x/tests/behat/a.feature',
      ],
      ...['mod/x/view.php', 'mod/x/pix/icon.svg', 'environment.xml', 'Gruntfile.js', '.git/config'],
    ],
    rows: {
      '/': 'run /index.php',
      '/login/index.php': 'run /login/index.php',
      '/login/': 'run /login/index.php',
      '/course/view.php?id=2': 'run /course/view.php?id=2',
      '/pluginfile.php/1/course/a.png': 'run /pluginfile.php',
      '/theme/styles.php/boost/1/all': 'run /theme/styles.php',
      '/lib/javascript.php/1/lib/a.js': 'run /lib/javascript.php',
      '/mod/x/view.php': 'run /mod/x/view.php',
      '/admin/cron.php': 'run /admin/cron.php',
      '/mod/x/pix/icon.svg': 'file',
      '/theme/boost/pix/a.png': 'file',
      '/theme/boost/fonts/a.woff2': 'file',
      '/config.php': '404',
      '/config-dist.php': '404',
      '/admin/cli/cron.php': '404',
      '/lib/tests/x.php': '404',
      '/lib/upgrade.txt': '404',
      '/lib/db/install.xml': '404',
      '/vendor/autoload.php': '404',
      '/node_modules/a.js': '404',
      '/composer.json': '404',
      '/phpunit.xml': '404',
      '/README.txt': '404',
      '/mod/x/tests/fixtures/a.txt': '404',
      '/mod/x/tests/behat/a.feature': '404',
      '/environment.xml': '404',
      '/Gruntfile.js': '404',
      '/.git/config': '404',
    },
  },
};

interface PresetSite {
  readonly gateway: Gateway;
  readonly backend: ScriptedBackend;
}

function siteWith(t: TestContext, preset: string, files: readonly string[], more: object = {}): PresetSite {
  const root = temporaryFolder(t);
  writeFiles(root, Object.fromEntries(files.map((file) => [file, 'x'])));
  const backend = new ScriptedBackend();
  const config = defineConfig({ site: { main: { preset, root, ...more } }, pool: { php: { php: 'auto' } } }, root);
  const targetOf = () => ({ kind: 'php' as const, extensions: ['.php'], backend });
  return { gateway: createGateway({ site: siteOf('main', config.values.site.main!, config, targetOf) }), backend };
}

async function got({ gateway, backend }: PresetSite, url: string): Promise<string> {
  const before = backend.requests.length;
  const answer = await ask(gateway.handle, url);
  const run = backend.requests[before]?.environment;
  if (run !== undefined) return `run ${run.SCRIPT_NAME}${run.QUERY_STRING === '' ? '' : `?${run.QUERY_STRING}`}`;
  if (answer.status === 200) return 'file';
  const location = answer.field('Location');
  return location === undefined ? String(answer.status) : `${answer.status} ${location}`;
}

describe('a preset', () => {
  for (const [preset, { files, rows }] of Object.entries(shapes)) {
    it(`${preset} answers each address of its application as it must`, async (t) => {
      assert.ok(Object.keys(rows).length >= 20);
      const site = siteWith(t, preset, files);
      const answers: [string, string][] = [];
      for (const url of Object.keys(rows)) answers.push([url, await got(site, url)]);
      assert.deepEqual(Object.fromEntries(answers), rows);
    });
  }

  it('has assets cached, and errors not', async (t) => {
    const { gateway } = siteWith(t, 'laravel', shapes.laravel!.files);
    const asset = await ask(gateway.handle, '/build/assets/app-1a2b.js');
    assert.equal(asset.field('Cache-Control'), 'public, max-age=31536000, immutable');
    assert.equal((await ask(gateway.handle, '/css/a.css')).field('Cache-Control'), 'max-age=604800');
    assert.equal((await ask(gateway.handle, '/x.sqlite')).field('Cache-Control'), 'no-store');
  });

  it('mediawiki has its installer until LocalSettings.php is there, in /w too', async (t) => {
    for (const above of ['', 'w/']) {
      const files = ['index.php', 'load.php', 'api.php', 'mw-config/index.php', 'mw-config/a.css'];
      const site = siteWith(
        t,
        'mediawiki',
        files.map((file) => above + file),
      );
      assert.equal(await got(site, `/${above}mw-config/`), `run /${above}mw-config/index.php`);
      const asked = `/${above}mw-config/index.php?page=Name`;
      assert.equal(await got(site, asked), `run ${asked}`);
      assert.equal(await got(site, `/${above}mw-config/a.css`), 'file');
      assert.equal(await got(site, `/${above}mw-config`), `301 /${above}mw-config/`);
    }
  });

  it('is told by explain, rule by rule', (t) => {
    const { gateway } = siteWith(t, 'wordpress', shapes.wordpress!.files);
    const asset = gateway.explain(httpRequest('/wp-includes/js/jquery.js'));
    assert.deepEqual(
      asset.ruled!.taken.map(ruleLine).map((line) => line.replace(/\{.*\}/, '…')),
      ['preset wordpress *.…: expires in 2592000 s'],
    );
    const denied = gateway.explain(httpRequest('/wp-content/uploads/2026/shell.php')).decision;
    assert.equal(denied?.kind === 'refuse' && denied.why, 'the preset wordpress denies "/wp-content/uploads/*.php"');
  });

  it('gives way to what the site says itself, but for a route that would run what it denies', async (t) => {
    const site = siteWith(t, 'wordpress', [...shapes.wordpress!.files, 'home.php'], {
      fallback: '/home.php',
      rule: [{ match: '*.css', header: { 'Cache-Control': 'no-cache' } }],
      route: [
        { match: '*.php', pool: 'php', env: { OWN: '1' } },
        { match: '/wp-includes/version.php', pool: 'php' },
      ],
    });
    assert.equal(await got(site, '/page'), 'run /home.php');
    assert.equal(site.backend.requests.at(-1)!.environment.OWN, '1');
    assert.equal(await got(site, '/wp-includes/version.php'), 'run /wp-includes/version.php');
    assert.equal(await got(site, '/wp-content/uploads/2026/shell.php'), '404');
    const css = await ask(site.gateway.handle, '/wp-content/themes/t/style.css');
    assert.deepEqual([css.field('Cache-Control'), css.field('Expires')], ['no-cache', undefined]);
  });

  it('brings a pool of PHP to a file that has none', () => {
    const { values } = defineConfig({ site: { main: { preset: 'wordpress' } } }, '/');
    assert.equal(values.pool.php?.kind, 'php');
    assert.deepEqual(values.site.main!.route.at(-1), {
      kind: 'pool',
      match: ['*.php'],
      pool: 'php',
      streamUploads: false,
      env: {},
    });
  });

  it('that is not known is refused with the nearest, and a root that is above the right one with that', (t) => {
    const folder = temporaryFolder(t);
    writeFiles(folder, { artisan: '', 'public/index.php': '' });
    const problem = (site: object) => {
      try {
        defineConfig({ site: { main: site } }, folder);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    assert.match(problem({ preset: 'wordpres' }), /there is no preset "wordpres": did you mean "wordpress"\?/);
    assert.match(problem({ preset: 'laravel' }), /laravel is served from its public\/: write root = "public"/);
    assert.equal(problem({ preset: 'laravel', root: 'public' }), '');
    assert.match(problem({ preset: 'wordpress', listen: 'fastcgi://127.0.0.1:9000' }), /rules are for HTTP/);
  });
});
