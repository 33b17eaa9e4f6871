// What embedded PHP runs ahead of each script, so that it sees what it would under php-cgi: its variables as bytes, the functions that this build lacks, and an error at once from those that cannot work here. Pure.

/** Where it lies, inside PHP's own file system. */
export const preludePath = '/internal/shared/postern.php';

/** The name of the variable that a request's variables come in: base64 of name, NUL, value, NUL, ... */
export const requestVariable = 'POSTERN_REQUEST';

/** The setting that a site's own auto_prepend_file is kept in. */
export const ownPrepend = 'postern.auto_prepend_file';

/** What would wait for ever, or say that it was done: programs, connections, mail. And what does not know the request's variables. */
const replaced = [
  ...['exec', 'shell_exec', 'system', 'passthru', 'popen', 'proc_open', 'mail', 'mb_send_mail', 'error_log'],
  ...['fsockopen', 'pfsockopen', 'stream_socket_client', 'stream_socket_server'],
  ...['dns_get_record', 'checkdnsrr', 'getmxrr', 'gethostbyname', 'gethostbynamel'],
  ...['curl_exec', 'curl_multi_exec', 'curl_errno', 'curl_error'],
  ...['getenv', 'putenv', 'filter_input', 'filter_input_array', 'filter_has_var'],
];

/** Settings without which the prelude does nothing. @param disabled functions that the site has disabled, by commas */
export function preludeSettings(disabled: string): string[] {
  return [
    `disable_functions=${[disabled, ...replaced].filter((name) => name !== '').join(',')}`,
    `auto_prepend_file=${preludePath}`,
  ];
}

/** The PHP. @param env the environment of this process @param disabled functions that the site has disabled */
export function prelude(env: Readonly<Record<string, string>>, disabled: readonly string[]): string {
  const kept = Object.entries(env)
    .map(([name, value]) => `${literal(name)}=>${literal(value)}`)
    .join(',');
  const functions = source
    .split('\n\n')
    .filter((part) => !disabled.includes(/^function (\w+)\(/.exec(part)?.[1] ?? ''));
  return `<?php
final class PosternRequest {
  const ENV = [${kept}];
  static $server; static $get; static $post; static $cookie; static $env;
  static function no($function, $what) { trigger_error("$function(): embedded PHP $what: install php-cgi for that", E_USER_WARNING); }
  // The response of a fatal error, whether or not its message is shown: that goes out before functions for the end of a script run, where no memory is left.
  static function judge() {
    $fatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
    if ((error_get_last()['type'] ?? 0) & $fatal && !headers_sent() && (http_response_code() ?: 200) === 200) http_response_code(500);
  }
  static function from($type) {
    return [INPUT_GET => self::$get, INPUT_POST => self::$post, INPUT_COOKIE => self::$cookie, INPUT_SERVER => self::$server, INPUT_ENV => []][$type] ?? [];
  }
}
${functions.join('\n')}`;
}

/** A text of PHP in single quotes. */
function literal(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

const source = String.raw`(function () {
  $parts = explode("\0", base64_decode($_SERVER['${requestVariable}'] ?? ''));
  $request = [];
  for ($i = 0; $i + 1 < count($parts); $i += 2) $request[$parts[$i]] = $parts[$i + 1];
  $server = PosternRequest::ENV + $request;
  foreach ($request as $name => $value) $server[$name] = $value;
  $server['FCGI_ROLE'] = 'RESPONDER';
  $server['PHP_SELF'] = ($request['SCRIPT_NAME'] ?? '') . ($request['PATH_INFO'] ?? '');
  $login = $request['HTTP_AUTHORIZATION'] ?? '';
  if (strncasecmp($login, 'Basic ', 6) === 0 && strpos($pair = (string) base64_decode(substr($login, 6)), ':') !== false) {
    [$server['PHP_AUTH_USER'], $server['PHP_AUTH_PW']] = explode(':', $pair, 2);
  } elseif (strncasecmp($login, 'Digest ', 7) === 0) {
    $server['PHP_AUTH_DIGEST'] = substr($login, 7);
  }
  foreach (['REQUEST_TIME_FLOAT', 'REQUEST_TIME'] as $name) $server[$name] = $_SERVER[$name];
  $_SERVER = PosternRequest::$server = $server;
  // The build takes text for what it parses itself; of bytes that are no text it made others.
  if (preg_match('/[\x80-\xff]/', $request['QUERY_STRING'] ?? '')) {
    parse_str($request['QUERY_STRING'], $_GET);
    $_REQUEST = $_POST + $_GET;
  }
  if (preg_match('/[\x80-\xff]/', $request['HTTP_COOKIE'] ?? '')) {
    // Of two with one name the first counts.
    $cookies = array_map(fn ($one) => strtr(ltrim($one), ['&' => '%26', '+' => '%2B']), explode(';', $request['HTTP_COOKIE']));
    parse_str(implode('&', array_reverse($cookies)), $_COOKIE);
  }
  PosternRequest::$get = $_GET;
  PosternRequest::$post = $_POST;
  PosternRequest::$cookie = $_COOKIE;
  PosternRequest::$env = $request + ['FCGI_ROLE' => 'RESPONDER'] + PosternRequest::ENV;
})();

register_shutdown_function([PosternRequest::class, 'judge']);
header_register_callback([PosternRequest::class, 'judge']);

foreach (['http', 'https', 'ftp', 'ftps'] as $posternScheme) {
  if (in_array($posternScheme, stream_get_wrappers(), true)) stream_wrapper_unregister($posternScheme);
  stream_wrapper_register($posternScheme, PosternNoNetwork::class);
}
unset($posternScheme);

final class PosternNoNetwork {
  public $context;
  function stream_open($path, $mode, $options, &$opened) { PosternRequest::no('fopen', 'has no outgoing network'); return false; }
  function url_stat($path, $flags) { return false; }
}

function exec(string $command, &$output = null, &$result_code = null) { PosternRequest::no('exec', 'starts no programs'); $result_code = 127; return false; }

function shell_exec(string $command) { PosternRequest::no('shell_exec', 'starts no programs'); return false; }

function system(string $command, &$result_code = null) { PosternRequest::no('system', 'starts no programs'); $result_code = 127; return false; }

function passthru(string $command, &$result_code = null) { PosternRequest::no('passthru', 'starts no programs'); $result_code = 127; return false; }

function popen(string $command, string $mode) { PosternRequest::no('popen', 'starts no programs'); return false; }

function proc_open($command, array $descriptor_spec, &$pipes, ?string $cwd = null, ?array $env_vars = null, ?array $options = null) { PosternRequest::no('proc_open', 'starts no programs'); return false; }

function mail(string $to, string $subject, string $message, $additional_headers = [], string $additional_params = '') { PosternRequest::no('mail', 'sends no mail'); return false; }

function error_log(string $message, int $message_type = 0, ?string $destination = null, ?string $additional_headers = null) {
  if ($message_type === 1) { PosternRequest::no('error_log', 'sends no mail'); return false; }
  if ($message_type === 2) throw new ValueError('TCP/IP option is not available for error logging');
  $file = $message_type === 3 ? (string) $destination : ($message_type === 4 ? '' : (string) ini_get('error_log'));
  $isStderr = $message_type !== 3 && ($file === '' || $file === 'syslog');
  if ($message_type !== 3) $message = $isStderr ? "$message\n" : date('[d-M-Y H:i:s e] ') . "$message\n";
  try {
    (new SplFileObject($isStderr ? 'php://stderr' : $file, 'a'))->fwrite($message);
    return true;
  } catch (Throwable $error) {
    trigger_error("error_log($file): " . preg_replace('/^SplFileObject::\w+\(.*?\): /', '', $error->getMessage()), E_USER_WARNING);
    return false;
  }
}

function fsockopen(string $hostname, int $port = -1, &$error_code = null, &$error_message = null, ?float $timeout = null) { PosternRequest::no('fsockopen', 'has no outgoing network'); $error_code = 101; $error_message = 'Network is unreachable'; return false; }

function pfsockopen(string $hostname, int $port = -1, &$error_code = null, &$error_message = null, ?float $timeout = null) { PosternRequest::no('pfsockopen', 'has no outgoing network'); $error_code = 101; $error_message = 'Network is unreachable'; return false; }

function stream_socket_client(string $address, &$error_code = null, &$error_message = null, ?float $timeout = null, int $flags = 4, $context = null) { PosternRequest::no('stream_socket_client', 'has no outgoing network'); $error_code = 101; $error_message = 'Network is unreachable'; return false; }

function stream_socket_server(string $address, &$error_code = null, &$error_message = null, int $flags = 12, $context = null) { PosternRequest::no('stream_socket_server', 'has no sockets of its own'); $error_code = 101; $error_message = 'Network is unreachable'; return false; }

function mb_send_mail(string $to, string $subject, string $message, $additional_headers = [], ?string $additional_params = null) { PosternRequest::no('mb_send_mail', 'sends no mail'); return false; }

function gethostbyname(string $hostname) { if (filter_var($hostname, FILTER_VALIDATE_IP) === false) PosternRequest::no('gethostbyname', 'has no outgoing network'); return $hostname; }

function gethostbynamel(string $hostname) { if (filter_var($hostname, FILTER_VALIDATE_IP) !== false) return [$hostname]; PosternRequest::no('gethostbynamel', 'has no outgoing network'); return false; }

function dns_get_record(string $hostname, int $type = DNS_ANY, &$authoritative_name_servers = null, &$additional_records = null, bool $raw = false) { PosternRequest::no('dns_get_record', 'has no outgoing network'); return false; }

function checkdnsrr(string $hostname, string $type = 'MX') { PosternRequest::no('checkdnsrr', 'has no outgoing network'); return false; }

function getmxrr(string $hostname, &$hosts, &$weights = null) { PosternRequest::no('getmxrr', 'has no outgoing network'); $hosts = []; return false; }

function curl_exec($handle) { PosternRequest::no('curl_exec', 'has no outgoing network'); return false; }

function curl_multi_exec($multi_handle, &$still_running) { PosternRequest::no('curl_multi_exec', 'has no outgoing network'); $still_running = 0; return 4; }

function curl_errno($handle) { return 7; }

function curl_error($handle) { return 'embedded PHP has no outgoing network'; }

function getenv(?string $name = null, bool $local_only = false) {
  $all = PosternRequest::$env;
  return $name === null ? $all : ($all[$name] ?? false);
}

function putenv(string $assignment) {
  [$name, $value] = explode('=', $assignment, 2) + [1 => null];
  if ($name === '') throw new ValueError('putenv(): Argument #1 ($assignment) must have a valid syntax');
  if ($value === null) unset(PosternRequest::$env[$name]);
  else PosternRequest::$env[$name] = $value;
  return true;
}

function filter_has_var(int $input_type, string $var_name) { return array_key_exists($var_name, PosternRequest::from($input_type)); }

function filter_input(int $type, string $var_name, int $filter = FILTER_DEFAULT, array|int $options = 0) {
  $from = PosternRequest::from($type);
  if (array_key_exists($var_name, $from)) return filter_var($from[$var_name], $filter, $options);
  if (is_array($options) && isset($options['options']['default'])) return $options['options']['default'];
  return (is_array($options) ? $options['flags'] ?? 0 : $options) & FILTER_NULL_ON_FAILURE ? false : null;
}

function filter_input_array(int $type, array|int $options = FILTER_DEFAULT, bool $add_empty = true) {
  $from = PosternRequest::from($type);
  return $from === [] ? null : filter_var_array($from, $options, $add_empty);
}

function getallheaders() {
  $headers = [];
  foreach (PosternRequest::$server as $name => $value) {
    if (strncmp($name, 'HTTP_', 5) === 0) $name = substr($name, 5);
    elseif ($name !== 'CONTENT_TYPE' && $name !== 'CONTENT_LENGTH') continue;
    $headers[ucwords(strtolower(strtr($name, '_', '-')), '-')] = $value;
  }
  return $headers;
}

function apache_request_headers() { return getallheaders(); }

function apache_response_headers() {
  $headers = [];
  foreach (headers_list() as $line) {
    [$name, $value] = explode(':', $line, 2) + [1 => ''];
    $headers[$name] = ltrim($value);
  }
  return $headers;
}

if (($posternFile = (string) get_cfg_var('${ownPrepend}')) !== '') require $posternFile;
unset($posternFile);`;
