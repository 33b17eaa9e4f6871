<?php
// The start page: what answers, a form that takes a file, and where else to look.

declare(strict_types=1);
require __DIR__ . '/page.php';
require __DIR__ . '/received.php';

$counted = requests_counted();
page_begin('Postern runs PHP', 'index');
?>
  <div class="hero">
    <div>
      <h1>PHP <?= e(PHP_VERSION) ?> answered you from process&nbsp;<em><?= getmypid() ?></em></h1>
      <p class="lead"><?= e(how_warm($counted)) ?></p>
    </div>
    <svg class="gate" viewBox="0 0 200 236" aria-hidden="true">
      <path opacity=".13" d="M0 236V100a100 100 0 0 1 200 0v136h-22V100a78 78 0 0 0-156 0v136z"/>
      <path opacity=".3" d="M30 236V100a70 70 0 0 1 140 0v136h-19V100a51 51 0 0 0-102 0v136z"/>
      <path opacity=".62" d="M57 236V100a43 43 0 0 1 86 0v136h-16V100a27 27 0 0 0-54 0v136z"/>
      <path d="M80 236V100a20 20 0 0 1 40 0v136z"/>
    </svg>
  </div>

  <dl class="facts">
    <div><dt>Pages by this process</dt><dd><?= $counted ?? 'unknown' ?><small><?= $counted === null ? 'PHP could count them with pdo_sqlite' : 'counted in its own memory' ?></small></dd></div>
    <?php if (is_embedded()): ?>
    <div><dt>PHP</dt><dd>embedded<small>in WebAssembly, for trying and development; Postern takes php-cgi where it finds one</small></dd></div>
    <?php else: ?>
    <div><dt>PHP</dt><dd>php-cgi<small>SAPI <?= e(PHP_SAPI) ?>, found on this machine</small></dd></div>
    <?php endif ?>
    <div><dt>Opcode cache</dt><dd><?= e(opcode_cache()) ?><?php if (!is_embedded()): ?><small>one for all workers of this pool</small><?php endif ?></dd></div>
    <div><dt>Memory of this page</dt><dd><?= e(bytes_in_words(memory_get_peak_usage())) ?><small>of <?= e(ini_get('memory_limit')) ?> that a page may take</small></dd></div>
    <div><dt>Time so far</dt><dd><?= number_format(milliseconds_so_far(), 1) ?> ms<small>since PHP took the request</small></dd></div>
    <div><dt>Way in</dt><dd><?= e($_SERVER['SERVER_PROTOCOL'] ?? '') ?><small><?= e($_SERVER['SERVER_SOFTWARE'] ?? '') ?>, <?= e($_SERVER['GATEWAY_INTERFACE'] ?? '') ?></small></dd></div>
  </dl>

  <div class="parts">
    <section id="send">
      <?php show_received() ?>
      <h2>Send something</h2>
      <p>A form as any site has them. What arrives is shown here and kept nowhere.</p>
      <form method="post" action="/#send" enctype="multipart/form-data">
        <label>Your name <input name="name" autocomplete="name" maxlength="80"></label>
        <label>A file, a picture perhaps <input type="file" name="file"></label>
        <button>Send</button>
      </form>
    </section>
    <section>
      <h2>Look around</h2>
      <ul class="links">
        <li><a href="/path.php/from/the/url?and=more">A path behind a script</a><span>What becomes of <code>/path.php/from/the/url</code></span></li>
        <li><a href="/info.php">This PHP</a><span>Extensions, settings, and the variables of a request</span></li>
        <li><a href="/nothing-here">A page that is not there</a><span>How an error is answered</span></li>
      </ul>
    </section>
  </div>
<?php
page_end();
