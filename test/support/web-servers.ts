// Web servers that pass requests on over FastCGI, each as its own documentation sets it up for PHP-FPM.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startApache } from './apache.ts';
import { temporaryFolder } from './folder.ts';
import { startLighttpd } from './lighttpd.ts';
import { startNginx } from './nginx.ts';
import { freePort, startServer } from './server-process.ts';

/** Folders of a site: `root`, with a folder `elsewhere` beside it that the web server shows as /alias/. */
export interface SiteFolders {
  readonly root: string;
  readonly elsewhere: string;
}

/** Starts a web server before a FastCGI server on a port of this machine. @returns its own port */
type Start = (t: { after: TestContext['after'] }, site: SiteFolders, port: number) => Promise<number>;

/** By the name that the docs call it; `program` is what must be installed. */
export const webServers: Readonly<Record<string, { readonly program: string; readonly start: Start }>> = {
  nginx: { program: 'nginx', start: nginx },
  'Apache (SetHandler)': { program: 'apache2', start: (t, site, port) => apache(t, site, setHandler(port)) },
  'Apache (GENERIC)': {
    program: 'apache2',
    start: (t, site, port) => apache(t, site, `ProxyFCGIBackendType GENERIC\n${setHandler(port)}`),
  },
  'Apache (ProxyPassMatch)': {
    program: 'apache2',
    start: (t, site, port) =>
      apache(t, site, `ProxyPassMatch "^/(.*\\.php(/.*)?)$" "fcgi://127.0.0.1:${port}${site.root}/$1"`),
  },
  lighttpd: { program: 'lighttpd', start: lighttpd },
  Caddy: { program: 'caddy', start: caddy },
};

/** Debian's snippets/fastcgi-php.conf and fastcgi.conf, and rewrites as sites have them. */
async function nginx(
  t: { after: TestContext['after'] },
  { root, elsewhere }: SiteFolders,
  port: number,
): Promise<number> {
  const variables = {
    SCRIPT_FILENAME: '$document_root$fastcgi_script_name',
    QUERY_STRING: '$query_string',
    REQUEST_METHOD: '$request_method',
    CONTENT_TYPE: '$content_type',
    CONTENT_LENGTH: '$content_length',
    SCRIPT_NAME: '$fastcgi_script_name',
    REQUEST_URI: '$request_uri',
    DOCUMENT_URI: '$document_uri',
    DOCUMENT_ROOT: '$document_root',
    SERVER_PROTOCOL: '$server_protocol',
    REQUEST_SCHEME: '$scheme',
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'nginx/$nginx_version',
    REMOTE_ADDR: '$remote_addr',
    REMOTE_PORT: '$remote_port',
    REMOTE_USER: '$remote_user',
    SERVER_ADDR: '$server_addr',
    SERVER_PORT: '$server_port',
    SERVER_NAME: '$server_name',
    REDIRECT_STATUS: '200',
  };
  const params = Object.entries(variables)
    .map(([name, value]) => `fastcgi_param ${name} ${value};`)
    .join('\n');
  const php = `include params; fastcgi_pass 127.0.0.1:${port};`;
  const split = 'fastcgi_split_path_info ^(.+?\\.php)(/.*)$; set $path_info $fastcgi_path_info;';
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'params'), params);
  writeFileSync(join(folder, 'password'), 'ann:{PLAIN}secret\n');
  const include = php.replace('params', `${folder}/params`);
  const config = `
    server_name site.example;
    root ${root}; index index.php; error_page 404 /e404.php;
    rewrite ^/setup.php$ /p.php last;
    rewrite ^/pretty/(.*)$ /p.php?route=$1 last;
    location /alias/ { alias ${elsewhere}/; location ~ \\.php$ { ${include} fastcgi_param SCRIPT_FILENAME $request_filename; } }
    location /inner/ { alias ${root}/sub/; location ~ \\.php$ { ${include} fastcgi_param SCRIPT_FILENAME $request_filename; } }
    location ^~ /unsplit/ { rewrite ^/unsplit(/.*)$ $1 break; ${include} }
    location ^~ /login/ { auth_basic "site"; auth_basic_user_file ${folder}/password; rewrite ^/login(/.*)$ $1 break; ${include} }
    location ^~ /set/ { rewrite ^/set(/.*)$ $1 break; ${include}
      fastcgi_param HTTPS on; fastcgi_param SSL_PROTOCOL TLSv1.3; fastcgi_param SSL_CLIENT_S_DN "CN=Ann"; fastcgi_param APP_ENV prod; }
    location ^~ /ini/ { rewrite ^/ini(/.*)$ $1 break; ${include}
      fastcgi_param PHP_VALUE "precision=5"; fastcgi_param PHP_ADMIN_VALUE "memory_limit=99M"; }
    location ~ \\.php(/|$) { ${split} try_files $fastcgi_script_name =404; ${include} fastcgi_param PATH_INFO $path_info; }
    location / { try_files $uri $uri/ =404; }`;
  return (await startNginx(t, config)).port;
}

function setHandler(port: number): string {
  return `<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://127.0.0.1:${port}"\n</FilesMatch>`;
}

async function apache(
  t: { after: TestContext['after'] },
  { root, elsewhere }: SiteFolders,
  handler: string,
): Promise<number> {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'password'), 'ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n');
  const modules = [
    'proxy',
    'proxy_fcgi',
    'rewrite',
    'dir',
    'alias',
    'env',
    'setenvif',
    'authn_core',
    'authn_file',
    'authz_user',
    'auth_basic',
  ];
  const config = `
DocumentRoot ${root}
ServerName site.example
UseCanonicalName On
DirectoryIndex index.php
AcceptPathInfo On
ErrorDocument 404 /e404.php
Alias /alias ${elsewhere}
Alias /inner ${root}/sub
RewriteEngine On
RewriteRule ^/setup.php$ /p.php [PT]
RewriteRule ^/pretty/(.*)$ /p.php?route=$1 [PT,QSA]
RewriteRule ^/login(/.*)$ $1 [PT,E=LOGIN:1]
SetEnvIf Request_URI ^/set/ HTTPS=on SSL_PROTOCOL=TLSv1.3 SSL_CLIENT_S_DN=CN=Ann APP_ENV=prod
RewriteRule ^/set(/.*)$ $1 [PT]
SetEnvIf Request_URI ^/ini/ PHP_VALUE=precision=5 PHP_ADMIN_VALUE=memory_limit=99M
RewriteRule ^/ini(/.*)$ $1 [PT]
<Directory ${root}/members>
AuthType Basic
AuthName site
AuthUserFile ${folder}/password
Require valid-user
</Directory>
${handler}
`;
  chmodSync(folder, 0o755);
  return (await startApache(t, modules, config)).port;
}

async function lighttpd(
  t: { after: TestContext['after'] },
  { root, elsewhere }: SiteFolders,
  port: number,
): Promise<number> {
  const started = await startLighttpd(
    t,
    `
server.modules += ( "mod_fastcgi", "mod_rewrite", "mod_alias", "mod_setenv", "mod_auth", "mod_authn_file" )
server.name = "site.example"
server.document-root := "${root}"
index-file.names = ( "index.php" )
server.error-handler-404 = "/e404.php"
alias.url = ( "/alias/" => "${elsewhere}/", "/inner/" => "${root}/sub/" )
url.rewrite-once = ( "^/setup\\.php$" => "/p.php", "^/pretty/(.*)$" => "/p.php?route=$1" )
auth.backend = "plain"
auth.backend.plain.userfile = "@FOLDER@/password"
auth.require = ( "/members/" => ( "method" => "basic", "realm" => "site", "require" => "valid-user" ) )
$HTTP["url"] =~ "^/set" { setenv.add-environment = ( "SSL_PROTOCOL" => "TLSv1.3", "APP_ENV" => "prod" ) }
$HTTP["url"] =~ "^/ini" { setenv.add-environment = ( "PHP_VALUE" => "precision=5", "PHP_ADMIN_VALUE" => "memory_limit=99M" ) }
fastcgi.server = ( ".php" => (( "host" => "127.0.0.1", "port" => ${port}, "broken-scriptfilename" => "enable" )) )
`,
  );
  writeFileSync(join(started.folder, 'password'), 'ann:secret\n');
  return started.port;
}

async function caddy(
  t: { after: TestContext['after'] },
  { root, elsewhere }: SiteFolders,
  port: number,
): Promise<number> {
  const folder = temporaryFolder(t);
  const own = await freePort();
  const file = join(folder, 'Caddyfile');
  writeFileSync(
    file,
    `{
\tadmin off
\tauto_https off
\tstorage file_system ${folder}
}
http://:${own} {
\trewrite /setup.php /p.php
\thandle_path /alias/* {
\t\troot * ${elsewhere}
\t\tphp_fastcgi 127.0.0.1:${port}
\t}
\thandle /set/* {
\t\turi strip_prefix /set
\t\troot * ${root}
\t\tphp_fastcgi 127.0.0.1:${port} {
\t\t\tenv SSL_PROTOCOL TLSv1.3
\t\t\tenv APP_ENV prod
\t\t}
\t}
\thandle {
\t\troot * ${root}
\t\tphp_fastcgi 127.0.0.1:${port}
\t}
}
`,
  );
  await startServer(t, ['caddy', 'run', '--adapter', 'caddyfile', '--config', file], own);
  return own;
}
