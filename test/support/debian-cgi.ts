// Nine CGI programs of Debian's packages, each with a little data of its own, in a folder that two servers can serve alike.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './folder.ts';

/** Debian's user for web servers, as whom the programs run where we are root. */
export const WEB_USER = 'www-data';

const programs = '/usr/lib/cgi-bin';
const needed: Readonly<Record<string, string>> = {
  gitweb: `${programs}/gitweb.cgi`,
  cgit: '/usr/lib/cgit/cgit.cgi',
  awstats: `${programs}/awstats.pl`,
  'cgi-mapserver': `${programs}/mapserv`,
  man2html: `${programs}/man/man2html`,
  smokeping: '/usr/share/smokeping/smokeping.cgi',
  'nagios4-cgi': `${programs}/nagios4/status.cgi`,
  fossil: '/usr/bin/fossil',
  git: '/usr/lib/git-core/git-http-backend',
};

/** Why the programs cannot be run here; false: they can. */
export function debianCgiMissing(): string | false {
  const missing = Object.keys(needed).filter((name) => !existsSync(needed[name]!));
  if (findProgram('apache2') === null) missing.push('apache2');
  return missing.length > 0 && `not installed: ${missing.join(', ')}`;
}

/**
 * Makes the data and, in `site/cgi-bin`, the programs: wrappers that say where the data is.
 * All times in it are long past, so that "17 years ago" is not another text a second later.
 */
export function makeDebianCgi(folder: string): void {
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'site/cgi-bin/man'), { recursive: true });
  makeGit(folder);
  makeFossil(folder);
  makeAwstats(folder);
  makeMap(folder);
  makeSmokeping(folder);
  makeNagios(folder);
  wrap(folder, 'gitweb.cgi', `GITWEB_CONFIG=${folder}/gitweb.conf exec ${needed.gitweb}`);
  wrap(folder, 'cgit.cgi', `CGIT_CONFIG=${folder}/cgitrc exec ${needed.cgit}`);
  // The order of a hash in Perl is another one each time, unless it is told.
  const awstats = `PERL_HASH_SEED=0 AWSTATS_ENABLE_CONFIG_DIR=${folder}/awstats`;
  wrap(folder, 'awstats.pl', `${awstats} exec ${needed.awstats}`);
  wrap(folder, 'mapserv', `MAPSERVER_CONFIG_FILE=${folder}/mapserver.conf exec ${needed['cgi-mapserver']}`);
  wrap(folder, 'smokeping.cgi', `exec ${needed.smokeping} ${folder}/smokeping/config`);
  wrap(folder, 'git', `GIT_PROJECT_ROOT=${folder}/repositories GIT_HTTP_EXPORT_ALL=1 exec ${needed.git}`);
  writeProgram(folder, 'fossil', `#!/usr/bin/fossil\nrepository: ${folder}/fossil/demo.fossil\n`);
  for (const name of readdirSync(`${programs}/man`)) wrap(folder, `man/${name}`, `exec ${programs}/man/${name}`);
  mkdirSync(join(folder, 'site/cgi-bin/nagios4'));
  for (const name of readdirSync(`${programs}/nagios4`)) {
    wrap(folder, `nagios4/${name}`, `NAGIOS_CGI_CONFIG=${folder}/nagios/cgi.cfg exec ${programs}/nagios4/${name}`);
  }
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', WEB_USER, folder]);
}

function writeProgram(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, 'site/cgi-bin', name), text, { mode: 0o755 });
}

function wrap(folder: string, name: string, command: string): void {
  // A command with variables before it exports them.
  writeProgram(folder, name, `#!/bin/sh\n${command.replace(/^((?:\w+=\S+ )+)exec /, 'export $1; exec ')}\n`);
}

function makeGit(folder: string): void {
  const work = join(folder, 'work');
  const bare = join(folder, 'repositories/demo.git');
  mkdirSync(join(work, 'src'), { recursive: true });
  const git = (...args: string[]): void => {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_AUTHOR_DATE: '2009-02-13T23:31:30Z',
      GIT_COMMITTER_DATE: '2009-02-13T23:31:30Z',
    };
    const who = ['-c', 'user.name=Ada Lövelace', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main'];
    execFileSync('git', [...who, ...args], { cwd: work, env, stdio: 'ignore' });
  };
  git('init');
  writeFileSync(join(work, 'README'), 'A demo.\n\nIt has two files & one folder.\n');
  writeFileSync(join(work, 'src/hello.c'), '#include <stdio.h>\nint main(void) { puts("<hello>"); return 0; }\n');
  git('add', '.');
  git('commit', '-m', 'The first commit');
  git('tag', '-a', 'v1', '-m', 'The first release');
  writeFileSync(join(work, 'src/crème brûlée.txt'), 'crème\n');
  writeFileSync(join(work, 'README'), 'A demo.\n\nIt has three files & one folder.\n');
  git('add', '.');
  git('commit', '-m', 'A name that is not ASCII');
  git('clone', '--bare', work, bare);
  execFileSync('git', ['update-server-info'], { cwd: bare, env: { PATH: process.env.PATH, HOME: folder } });
  writeFileSync(join(bare, 'description'), 'A demo of <three> files\n');
  writeFileSync(
    join(folder, 'gitweb.conf'),
    `$projectroot = "${folder}/repositories"; $feature{"pathinfo"}{"default"} = [0]; $feature{"blame"}{"default"} = [1];\n`,
  );
  writeFileSync(
    join(folder, 'cgitrc'),
    `virtual-root=/cgi-bin/cgit.cgi/\nenable-index-links=1\nenable-commit-graph=1\nsnapshots=tar.gz\nscan-path=${folder}/repositories\n`,
  );
}

function makeFossil(folder: string): void {
  const home = join(folder, 'fossil');
  const work = join(home, 'work');
  mkdirSync(work, { recursive: true });
  const env = { PATH: process.env.PATH, HOME: home, USER: 'ada' };
  const fossil = (...args: string[]): void => {
    execFileSync('fossil', args, { cwd: work, env, stdio: 'ignore' });
  };
  fossil('init', '--date-override', '2009-02-13 23:31:30', '../demo.fossil');
  fossil('open', '../demo.fossil');
  writeFileSync(join(work, 'README.md'), '# A demo\n\nOf *one* file.\n');
  fossil('add', 'README.md');
  fossil('commit', '--date-override', '2009-02-13 23:31:31', '-m', 'The first check-in');
  fossil('close');
}

function makeAwstats(folder: string): void {
  const home = join(folder, 'awstats');
  mkdirSync(join(home, 'data'), { recursive: true });
  const lines = Array.from({ length: 60 }, (_, index) => {
    const status = index % 7 === 0 ? 404 : 200;
    const time = `13/Feb/2009:23:${String(index % 60).padStart(2, '0')}:30 +0000`;
    return `192.0.2.${index % 9} - - [${time}] "GET /page${index % 5}.html HTTP/1.1" ${status} ${1000 + index} "http://example.org/" "Mozilla/5.0 (X11; Linux x86_64) Firefox/3.0"\n`;
  });
  writeFileSync(join(home, 'access.log'), lines.join(''));
  writeFileSync(
    join(home, 'awstats.demo.conf'),
    `LogFile="${home}/access.log"
LogType=W
LogFormat=1
SiteDomain="demo.example.org"
DNSLookup=0
DirData="${home}/data"
DirCgi="/cgi-bin"
DirIcons="/awstats-icon"
AllowToUpdateStatsFromBrowser=0
`,
  );
  const env = { PATH: process.env.PATH };
  execFileSync(needed.awstats!, ['-config=demo', `-configdir=${home}`, '-update'], { env, stdio: 'ignore' });
}

function makeMap(folder: string): void {
  const config = join(folder, 'mapserver.conf');
  writeFileSync(config, `CONFIG\n  ENV\n    MS_MAPFILE "${folder}/map.map"\n  END\nEND\n`);
  writeFileSync(
    join(folder, 'map.map'),
    `MAP
  NAME "demo"
  EXTENT 0 0 100 100
  SIZE 80 80
  PROJECTION "init=epsg:3857" END
  WEB
    METADATA
      "wms_title" "Demo"
      "wms_onlineresource" "http://localhost/cgi-bin/mapserv?"
      "wms_enable_request" "*"
      "wms_srs" "EPSG:3857"
    END
  END
  LAYER
    NAME "square"
    TYPE POLYGON
    STATUS ON
    METADATA "wms_title" "Square" "wms_srs" "EPSG:3857" END
    FEATURE POINTS 10 10 90 10 90 90 10 90 10 10 END END
    CLASS NAME "Square" STYLE COLOR 200 30 30 OUTLINECOLOR 0 0 0 END END
  END
END
`,
  );
}

function makeSmokeping(folder: string): void {
  const home = join(folder, 'smokeping');
  for (const name of ['img', 'data/Demo', 'run']) mkdirSync(join(home, name), { recursive: true });
  writeFileSync(
    join(home, 'config'),
    `*** General ***
owner = Ada
contact = ada@example.org
mailhost = localhost
imgcache = ${home}/img
imgurl = /smokeping-img
datadir = ${home}/data
piddir = ${home}/run
cgiurl = http://demo.example/cgi-bin/smokeping.cgi
syslogfacility = local0
sendmail = /bin/true
smokemail = /etc/smokeping/smokemail
tmail = /etc/smokeping/tmail
*** Database ***
step = 300
pings = 20
AVERAGE 0.5 1 1008
AVERAGE 0.5 12 4320
MIN 0.5 12 4320
MAX 0.5 12 4320
*** Presentation ***
template = /etc/smokeping/basepage.html
+ overview
width = 600
height = 50
range = 10h
+ detail
width = 600
height = 200
"Last 3 Hours" 3h
*** Probes ***
+ FPing
binary = /bin/true
*** Targets ***
probe = FPing
menu = Top
title = Latency of a <demo>
+ Demo
menu = Demo
title = The demo's machines
++ Local
menu = Local
title = This machine
host = localhost
`,
  );
  makeRoundRobin(join(home, 'data/Demo/Local.rrd'));
}

/** As smokeping's own daemon makes it for a probe of 20 pings, without a value yet. */
function makeRoundRobin(path: string): void {
  const pings = Array.from({ length: 20 }, (_, index) => `ping${index + 1}`);
  const sources = ['uptime', 'loss', 'median', ...pings].map((name) => `DS:${name}:GAUGE:600:0:U`);
  const archives = ['AVERAGE:0.5:1:1008', 'AVERAGE:0.5:12:4320', 'MIN:0.5:12:4320', 'MAX:0.5:12:4320'];
  const create = 'RRDs::create(@ARGV); my $error = RRDs::error(); die $error if $error';
  const options = ['--start', '1234567800', '--step', '300'];
  execFileSync('perl', ['-MRRDs', '-e', create, path, ...options, ...sources, ...archives.map((one) => `RRA:${one}`)]);
}

function makeNagios(folder: string): void {
  const home = join(folder, 'nagios');
  mkdirSync(home);
  const at = '1234567890';
  writeFileSync(
    join(home, 'objects.cache'),
    `define timeperiod {
\ttimeperiod_name\t24x7
\talias\talways
\tmonday\t00:00-24:00
\t}
define command {
\tcommand_name\tcheck
\tcommand_line\t/bin/true
\t}
define contact {
\tcontact_name\tada
\talias\tAda
\tservice_notification_period\t24x7
\thost_notification_period\t24x7
\tservice_notification_options\tr,w,u,c
\thost_notification_options\tr,d,u
\tservice_notification_commands\tcheck
\thost_notification_commands\tcheck
\t}
define host {
\thost_name\tdemo
\talias\tThe <demo>
\taddress\t192.0.2.1
\tcheck_period\t24x7
\tcheck_command\tcheck
\tcontacts\tada
\tnotification_period\t24x7
\tmax_check_attempts\t3
\t}
define hostgroup {
\thostgroup_name\tall
\talias\tAll of them
\tmembers\tdemo
\t}
define service {
\thost_name\tdemo
\tservice_description\tWeb
\tcheck_period\t24x7
\tcheck_command\tcheck
\tcontacts\tada
\tnotification_period\t24x7
\tmax_check_attempts\t3
\t}
`,
  );
  writeFileSync(
    join(home, 'status.dat'),
    `info {
\tcreated=${at}
\tversion=4.4.6
\t}
programstatus {
\tnagios_pid=1
\tdaemon_mode=1
\tprogram_start=${at}
\tenable_notifications=1
\tactive_service_checks_enabled=1
\tactive_host_checks_enabled=1
\t}
hoststatus {
\thost_name=demo
\thas_been_checked=1
\tcurrent_state=0
\tplugin_output=OK <fine>
\tlast_check=${at}
\tlast_state_change=${at}
\t}
servicestatus {
\thost_name=demo
\tservice_description=Web
\thas_been_checked=1
\tcurrent_state=2
\tplugin_output=refused & gone
\tlast_check=${at}
\tlast_state_change=${at}
\t}
`,
  );
  writeFileSync(join(home, 'nagios.log'), `[${at}] SERVICE ALERT: demo;Web;CRITICAL;HARD;3;refused\n`);
  writeFileSync(
    join(home, 'nagios.cfg'),
    `log_file=${home}/nagios.log
object_cache_file=${home}/objects.cache
status_file=${home}/status.dat
log_archive_path=${home}
date_format=iso8601
`,
  );
  writeFileSync(
    join(home, 'cgi.cfg'),
    `main_config_file=${home}/nagios.cfg
physical_html_path=/usr/share/nagios4/htdocs
url_html_path=/nagios4
use_authentication=0
default_user_name=ada
refresh_rate=90
result_limit=100
`,
  );
}
