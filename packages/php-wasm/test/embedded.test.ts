import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findEmbeddedPhp } from '../../../src/php/find-php.ts';
import { phpProgram } from '../../../src/php/php-program.ts';
import type { PoolLimits } from '../../../src/pool/pool-state.ts';
import type { CgiRequest } from '../../../src/protocol/cgi/exchange.ts';
import { bodyOf, cgiRequest } from '../../../test/support/cgi-request.ts';
import { RunningPool } from '../../../test/support/running-pool.ts';

const php = findEmbeddedPhp('a test', []);

describe('embedded PHP', () => {
  it('is the version that its package names, and runs a script where it is, in its folder', async (t) => {
    const pool = await embedded(t);
    const script = pool.script('a.php', '<?php echo PHP_VERSION, "|", __FILE__, "|", getcwd(), "|", php_sapi_name();');
    const { body } = await pool.run(script);
    assert.equal(body, `${php.version.text}|${script}|${pool.folder}|cgi-fcgi`);
  });

  it('says the pid of its process, and keeps it between requests', async (t) => {
    const pool = await embedded(t);
    const script = pool.script('a.php', '<?php echo getmypid();');
    const first = await pool.run(script);
    assert.equal((await pool.run(script)).body, first.body);
    assert.deepEqual(
      pool.look().lanes.map(({ pid }) => String(pid)),
      [first.body],
    );
  });

  it('passes on status, headers in their order and case, cookies, and bytes as they are', async (t) => {
    const pool = await embedded(t);
    const source = `<?php http_response_code(201); header('X-Own: "a\\b"'); header("X-Tab: a\\tb"); setcookie('a', '1'); setcookie('b', '2'); echo "\\xff\\0é";`;
    const { heads, body } = await pool.run(pool.script('a.php', source));
    assert.equal(heads[0]?.status, 201);
    const headers = heads[0].headers.join('|');
    assert.match(headers, /X-Own\|"a\\b"\|X-Tab\|a b\|Set-Cookie\|a=1\|Set-Cookie\|b=2\|/);
    assert.equal(body, Buffer.from([0xff, 0, 0xc3, 0xa9]).toString('latin1'));
  });

  it('keeps no cookies: a request has those that it brings', async (t) => {
    const pool = await embedded(t);
    const script = pool.script('a.php', '<?php echo json_encode($_COOKIE); setcookie("set", "1");');
    assert.equal(
      (await pool.run(script, withVariables(script, { HTTP_COOKIE: 'a=1; b=2' }))).body,
      '{"a":"1","b":"2"}',
    );
    assert.equal((await pool.run(script)).body, '[]');
  });

  it('gives a script its variables, and no arguments from the query string', async (t) => {
    const pool = await embedded(t);
    const source =
      '<?php foreach (["REQUEST_URI", "PATH_INFO", "QUERY_STRING", "PHP_SELF", "X"] as $n) echo $_SERVER[$n] ?? "", "|"; echo ini_get("register_argc_argv"), isset($GLOBALS["argv"]) ? "argv" : "";';
    const script = pool.script('a.php', source);
    const variables = {
      REQUEST_URI: '/a.php/caf%C3%A9?-s',
      PATH_INFO: Buffer.from('/café').toString('latin1'),
      QUERY_STRING: '-s',
      SCRIPT_NAME: '/a.php',
    };
    const { body } = await pool.run(script, withVariables(script, variables));
    assert.equal(Buffer.from(body, 'latin1').toString(), '/a.php/caf%C3%A9?-s|/café|-s|/a.php/café||0');
  });

  it('sees the environment that it was given, PATH and the variables of the request, the mark, nothing else of ours', async (t) => {
    const pool = await embedded(t);
    const source =
      '<?php $e = array_keys(getenv()); sort($e); echo implode(",", $e), " ", getenv("APP"), " ", getenv("QUERY_STRING");';
    const script = pool.script('a.php', source);
    const { body } = await pool.run(script, withVariables(script, { QUERY_STRING: 'q' }));
    const names = 'APP,FCGI_ROLE,PATH,POSTERN_MARK,QUERY_STRING,REQUEST_METHOD,REQUEST_URI,SCRIPT_FILENAME,SCRIPT_NAME';
    assert.equal(body, `${names} x q`);
  });

  it('takes what .user.ini files set, the inner ones over the outer ones, but nothing that is php.ini’s alone', async (t) => {
    const pool = await embedded(t);
    mkdirSync(join(pool.folder, 'in'));
    const source =
      '<?php foreach (["precision", "upload_max_filesize", "disable_functions"] as $n) echo strlen(ini_get($n)) > 20 ? "ours" : ini_get($n), "|"; echo $said ?? "";';
    const outer = pool.script('a.php', source);
    const inner = pool.script('in/a.php', source);
    writeFileSync(join(pool.folder, 'said.inc'), '<?php $said = "prepended";');
    writeFileSync(join(pool.folder, '.user.ini'), 'precision = 7\nupload_max_filesize = 3M\n');
    writeFileSync(
      join(pool.folder, 'in', '.user.ini'),
      `upload_max_filesize = 4M ; more\ndisable_functions = strlen\nauto_prepend_file = "${pool.folder}/said.inc"\n`,
    );
    const at = (script: string) => pool.run(script, withVariables(script, { DOCUMENT_ROOT: pool.folder }));
    assert.equal((await at(outer)).body, '7|3M|ours|');
    assert.equal((await at(inner)).body, '7|4M|ours|prepended');
    writeFileSync(join(pool.folder, '.user.ini'), 'precision = 8 \n');
    assert.equal((await at(outer)).body, '8|128M|ours|');
  });

  it('takes a form, an upload, and moves the uploaded file', async (t) => {
    const pool = await embedded(t);
    const source =
      '<?php echo $_POST["name"], move_uploaded_file($_FILES["f"]["tmp_name"], __DIR__ . "/kept.bin") ? " kept " : " lost ", $_FILES["f"]["size"];';
    const script = pool.script('a.php', source);
    const content = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256)).toString('latin1');
    const part = (disposition: string, value: string) =>
      `--x\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
    const body = `${part('name="name"', 'Ada')}${part('name="f"; filename="a.bin"', content)}--x--\r\n`;
    const answer = await pool.run(script, posted(script, 'multipart/form-data; boundary=x', body));
    assert.equal(answer.body, 'Ada kept 70000');
    assert.equal(readFileSync(join(pool.folder, 'kept.bin'), 'latin1'), content);
  });

  it('answers a script that does not exist with 404, as php-cgi does', async (t) => {
    const { heads, body } = await (await embedded(t)).run('/nowhere/a.php');
    assert.deepEqual([heads[0]?.status, body], [404, 'No input file specified.\n']);
  });

  it('sends what a script logs to STDERR, and a fatal error ends nothing but its request', async (t) => {
    const pool = await embedded(t);
    const { errors } = await pool.run(pool.script('a.php', '<?php error_log("logged"); nope();'));
    assert.match(errors, /^logged$/m);
    assert.match(errors, /undefined function nope/);
    const script = pool.script('b.php', '<?php echo "well";');
    assert.equal((await pool.run(script)).body, 'well');
    assert.equal(pool.look().spawned, 1);
  });

  it('logs where a script says, and where it cannot says so', async (t) => {
    const pool = await embedded(t);
    const file = join(pool.folder, 'own.log');
    const source = `<?php error_log("to STDERR", 4); error_log("as it is", 3, "${file}"); ini_set("error_log", "${file}"); error_log("with its time");
      date_default_timezone_set("Europe/Berlin"); error_log("of its place");
      try { error_log("x", 2); } catch (ValueError $error) { echo $error->getMessage(), "\n"; }
      var_dump(@error_log("x", 3, "/proc/none/x")); echo error_get_last()["message"];`;
    const { body, errors } = await pool.run(pool.script('a.php', source));
    const refused = 'TCP/IP option is not available for error logging\n';
    assert.equal(
      body,
      `${refused}bool(false)\nerror_log(/proc/none/x): Failed to open stream: No such file or directory`,
    );
    assert.match(errors, /^to STDERR$/m);
    assert.match(
      readFileSync(file, 'utf8'),
      /^as it is\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d UTC\] with its time\n\[\S+ \S+ Europe\/Berlin\] of its place\n$/,
    );
  });

  it('a fatal error is 500, its message shown or not: also where no memory is left for more', async (t) => {
    const pool = await embedded(t);
    const sources = {
      'an exception': 'nope();',
      'an error of its own': 'trigger_error("x", E_USER_ERROR);',
      'memory, at once': 'str_repeat("x", 500000000);',
      'memory, to the last byte': '$all = []; while (true) $all[] = new stdClass;',
    };
    for (const [title, source] of Object.entries(sources)) {
      for (const isShown of [1, 0]) {
        const script = pool.script('a.php', `<?php ini_set("display_errors", ${isShown}); ${source}`);
        const { heads, body } = await pool.run(script);
        assert.deepEqual([heads[0]?.status, body.includes('Fatal error')], [500, isShown === 1], `${title} ${isShown}`);
      }
    }
    const own = pool.script(
      'a.php',
      '<?php ini_set("display_errors", 1); http_response_code(503); str_repeat("x", 500000000);',
    );
    assert.equal((await pool.run(own)).heads[0]?.status, 503, 'a status of its own stays');
    const well = pool.script('a.php', '<?php @file_get_contents("/none"); echo "well";');
    assert.equal((await pool.run(well)).heads[0]?.status, 200);
  });

  it('says at once that it has no sockets, no names and no mail, and its process goes on', async (t) => {
    const pool = await embedded(t);
    const calls = {
      'stream_socket_server("tcp://127.0.0.1:0")': 'false',
      'stream_socket_client("tcp://127.0.0.1:1")': 'false',
      'gethostbyname("a.example")': "'a.example'",
      'gethostbyname("127.0.0.1")': "'127.0.0.1'",
      'gethostbynamel("a.example")': 'false',
      'mb_send_mail("a@b.example", "s", "m")': 'false',
      'mail("a@b.example", "s", "m")': 'false',
      'error_log("m", 1, "a@b.example")': 'false',
    };
    for (const [call, gives] of Object.entries(calls)) {
      const script = `<?php echo var_export(@${call}, true), "|", error_get_last()["message"] ?? "";`;
      const { body } = await pool.run(pool.script('a.php', script));
      const [given, warning] = body.split('|');
      assert.equal(given, gives, call);
      assert.match(warning!, gives === "'127.0.0.1'" ? /^$/ : /embedded PHP/, call);
    }
    assert.equal(pool.look().spawned, 1);
  });

  it('takes settings of the configuration, and recycles its process after maxRequests', async (t) => {
    const pool = await embedded(t, { maxRequests: 2 });
    const script = pool.script('a.php', '<?php echo ini_get("memory_limit"), " ", getmypid();');
    const answers = [await pool.run(script), await pool.run(script), await pool.run(script)].map(({ body }) =>
      body.split(' '),
    );
    assert.deepEqual(
      answers.map(([limit]) => limit),
      ['99M', '99M', '99M'],
    );
    assert.equal(answers[0]![1], answers[1]![1]);
    assert.notEqual(answers[1]![1], answers[2]![1]);
  });

  it('keeps sessions, and locks files and databases between its processes', async (t) => {
    const pool = await embedded(t, { workers: 2, minWorkers: 2 });
    const session = pool.script('s.php', '<?php session_start(); echo $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1;');
    const id = `posterntest${process.pid}`;
    for (const expected of ['1', '2']) {
      assert.equal(
        (await pool.run(session, withVariables(session, { HTTP_COOKIE: `PHPSESSID=${id}` }))).body,
        expected,
      );
    }
    await pool.run(pool.script('d.php', `<?php session_id("${id}"); session_start(); session_destroy();`));
    writeFileSync(join(pool.folder, 'count'), '0');
    const source = `<?php
      $f = fopen(__DIR__ . '/count', 'c+'); flock($f, LOCK_EX); $n = (int) stream_get_contents($f); usleep(20000);
      rewind($f); fwrite($f, $n + 1); fflush($f); flock($f, LOCK_UN);
      $d = new PDO('sqlite:' . __DIR__ . '/n.db'); $d->exec('PRAGMA busy_timeout = 20000');
      $d->exec('BEGIN IMMEDIATE'); $d->exec('CREATE TABLE IF NOT EXISTS t (n)');
      $n = (int) $d->query('SELECT count(*) FROM t')->fetchColumn(); usleep(20000);
      $d->exec("INSERT INTO t VALUES ($n)"); $d->exec('COMMIT'); echo getmypid();`;
    const script = pool.script('l.php', source);
    const pids = new Set(
      (await Promise.all(Array.from({ length: 12 }, () => pool.run(script)))).map(({ body }) => body),
    );
    assert.equal(pids.size, 2);
    assert.equal(readFileSync(join(pool.folder, 'count'), 'utf8'), '12');
    const distinct = pool.script(
      'c.php',
      "<?php echo (new PDO('sqlite:' . __DIR__ . '/n.db'))->query('SELECT count(DISTINCT n) FROM t')->fetchColumn();",
    );
    assert.equal((await pool.run(distinct)).body, '12');
  });
});

async function embedded(t: TestContext, limits: Partial<PoolLimits> = {}): Promise<RunningPool> {
  const { program } = phpProgram({
    name: 'php',
    php,
    workers: 1,
    cwd: '/',
    env: { APP: 'x' },
    path: '/usr/bin:/bin',
    ini: { memory_limit: '99M' },
    user: null,
  });
  const running = new RunningPool(t, () => program, { workers: 1, queueTimeoutMs: 60_000, ...limits });
  await running.pool.start();
  return running;
}

function withVariables(script: string, environment: Record<string, string>): Partial<CgiRequest> {
  const basic = { REQUEST_METHOD: 'GET', SCRIPT_FILENAME: script, SCRIPT_NAME: '/a.php', REQUEST_URI: '/a.php' };
  return cgiRequest({ environment: { ...basic, ...environment } });
}

function posted(script: string, type: string, body: string): Partial<CgiRequest> {
  const variables = { REQUEST_METHOD: 'POST', CONTENT_TYPE: type, CONTENT_LENGTH: String(body.length) };
  return { ...withVariables(script, variables), method: 'POST', idempotent: false, body: bodyOf(body) };
}
