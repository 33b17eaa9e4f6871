<?php
// What the pages share: escaping, the frame around a page, and what PHP knows of the process it runs in.

declare(strict_types=1);

function e(string|int|float|null $text): string
{
    return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE);
}

function page_begin(string $title, string $current): void
{
    $here = fn (string $page): string => $page === $current ? ' aria-current="page"' : '';
    ?>
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title><?= e($title) ?></title>
  <link rel="icon" href="/mark.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
<div class="sheet">
  <header class="top">
    <a class="brand" href="/"><img src="/mark.svg" alt="">Postern</a>
    <nav>
      <a href="/"<?= $here('index') ?>>Start</a>
      <a href="/path.php/from/the/url"<?= $here('path') ?>>Path</a>
      <a href="/info.php"<?= $here('info') ?>>PHP</a>
    </nav>
  </header>
<?php
}

function page_end(): void
{
    ?>
  <footer>This page is <code>examples/php-site</code>. Your own: <code>npm run postern -- serve YOUR_FOLDER</code></footer>
</div>
</body>
</html>
<?php
}

/** Whether this PHP is the embedded one, which runs in WebAssembly. */
function is_embedded(): bool
{
    return extension_loaded('wasm_memory_storage');
}

/**
 * How many requests this process has counted, this one included; null where PHP cannot know it.
 * A persistent connection lives as long as its process, and so does a database in memory behind it.
 */
function requests_counted(): ?int
{
    if (!in_array('sqlite', class_exists('PDO') ? PDO::getAvailableDrivers() : [], true)) {
        return null;
    }
    $memory = new PDO('sqlite::memory:', null, null, [PDO::ATTR_PERSISTENT => true]);
    $memory->exec('CREATE TABLE IF NOT EXISTS counted (requests INTEGER)');
    $memory->exec('INSERT INTO counted SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counted)');
    $memory->exec('UPDATE counted SET requests = requests + 1');
    return (int) $memory->query('SELECT requests FROM counted')->fetchColumn();
}

/** The count in a sentence. */
function how_warm(?int $counted): string
{
    return match (true) {
        $counted === null => 'It stays warm between requests: nothing is started for a page.',
        $counted === 1 => 'Its first page. Reload, and the same process answers again, already warm.',
        default => "It has made $counted pages and is still warm. Nothing was started for this one.",
    };
}

/** "on, 14 scripts", or why there is no opcode cache. */
function opcode_cache(): string
{
    if (!function_exists('opcache_get_status')) {
        return 'not installed';
    }
    $status = @opcache_get_status(false);
    if ($status === false) {
        return 'off';
    }
    if (!empty($status['file_cache_only'])) {
        return 'on, in files';
    }
    $scripts = $status['opcache_statistics']['num_cached_scripts'] ?? 0;
    return $scripts === 1 ? 'on, 1 script' : "on, $scripts scripts";
}

function bytes_in_words(int $bytes): string
{
    if ($bytes < 1000) {
        return $bytes === 1 ? '1 byte' : "$bytes bytes";
    }
    return $bytes < 1_000_000 ? number_format($bytes / 1000, 1) . ' kB' : number_format($bytes / 1_000_000, 1) . ' MB';
}

function milliseconds_so_far(): float
{
    return (microtime(true) - $_SERVER['REQUEST_TIME_FLOAT']) * 1000;
}
