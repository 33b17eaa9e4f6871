<?php
// What becomes of a path that goes on behind a script's name (PATH_INFO).

declare(strict_types=1);
require __DIR__ . '/page.php';

page_begin('A path behind a script', 'path');
?>
  <h1 class="small">One script, any path behind it</h1>
  <p class="lead">Postern finds the script in the path and hands over the rest. Change the address and see.</p>
  <table class="pairs block">
    <?php foreach (['REQUEST_URI', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING'] as $variable): ?>
    <tr><th scope="row"><?= $variable ?></th><td><?= e(($_SERVER[$variable] ?? 'not set') ?: 'empty') ?></td></tr>
    <?php endforeach ?>
  </table>
  <p><a href="/path.php/articles/2026/a-warm-worker">/path.php/articles/2026/a-warm-worker</a></p>
  <p><a href="/path.php/caf%C3%A9?au=lait">/path.php/caf%C3%A9?au=lait</a></p>
<?php
page_end();
