<?php
// Of this PHP: what a developer looks up first. Neither cookies nor the environment of the process are shown.

declare(strict_types=1);
require __DIR__ . '/page.php';

$settings = ['memory_limit', 'post_max_size', 'upload_max_filesize', 'max_execution_time', 'display_errors', 'error_log', 'date.timezone', 'session.save_path'];
$variables = ['GATEWAY_INTERFACE', 'SERVER_SOFTWARE', 'SERVER_PROTOCOL', 'REQUEST_METHOD', 'REQUEST_SCHEME', 'SERVER_NAME', 'SERVER_PORT', 'REMOTE_ADDR', 'DOCUMENT_ROOT', 'SCRIPT_FILENAME', 'SCRIPT_NAME', 'REQUEST_URI', 'HTTP_HOST', 'HTTP_USER_AGENT'];
$extensions = get_loaded_extensions();
natcasesort($extensions);

page_begin('This PHP', 'info');
?>
  <h1 class="small">PHP <?= e(PHP_VERSION) ?>, <?= is_embedded() ? 'embedded' : e(PHP_SAPI) ?></h1>
  <p class="lead"><?= count($extensions) ?> extensions<?= php_ini_loaded_file() && !is_embedded() ? ', settings from <code>' . e(php_ini_loaded_file()) . '</code>' : '' ?>.</p>

  <section class="block">
    <h2>Variables of this request</h2>
    <p>As the gateway made them from what your browser sent.</p>
    <table class="pairs">
      <?php foreach ($variables as $variable): ?>
      <tr><th scope="row"><?= $variable ?></th><td><?= e($_SERVER[$variable] ?? 'not set') ?></td></tr>
      <?php endforeach ?>
    </table>
  </section>
  <section class="block">
    <h2>Settings</h2>
    <p>Change them under <code>ini</code> in <code>postern.toml</code>.</p>
    <table class="pairs">
      <?php foreach ($settings as $setting): ?>
      <tr><th scope="row"><?= $setting ?></th><td><?= e(in_array(ini_get($setting), [false, ''], true) ? 'empty' : ini_get($setting)) ?></td></tr>
      <?php endforeach ?>
    </table>
  </section>
  <section>
    <h2>Extensions</h2>
    <ul class="chips">
      <?php foreach ($extensions as $extension): ?><li><?= e($extension) ?></li><?php endforeach ?>
    </ul>
  </section>
<?php
page_end();
