<?php
// What came with the form: shown, and forgotten with the request.

declare(strict_types=1);

/** Pictures up to this size are shown. */
const LARGEST_PICTURE = 2_000_000;

function show_received(): void
{
    if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
        return;
    }
    if ($_POST === [] && $_FILES === [] && (int) ($_SERVER['CONTENT_LENGTH'] ?? 0) > 0) {
        show_too_large();
        return;
    }
    $name = trim((string) ($_POST['name'] ?? ''));
    $file = $_FILES['file'] ?? null;
    ?>
      <div class="came" role="status">
        <h3><?= $name === '' ? 'It arrived' : 'Hello ' . e($name) ?></h3>
        <table class="pairs">
          <tr><th scope="row">Body</th><td><?= e(bytes_in_words((int) ($_SERVER['CONTENT_LENGTH'] ?? 0))) ?></td></tr>
          <tr><th scope="row">Taken by</th><td>process <?= getmypid() ?></td></tr>
          <?php show_file($file) ?>
        </table>
        <?php show_picture($file) ?>
      </div>
    <?php
}

/** PHP throws all of a form away that is larger than post_max_size. */
function show_too_large(): void
{
    ?>
      <div class="came" role="status">
        <h3>PHP did not take it</h3>
        <p>The form has <?= e(bytes_in_words((int) $_SERVER['CONTENT_LENGTH'])) ?>, and post_max_size is <?= e(ini_get('post_max_size')) ?>.</p>
      </div>
    <?php
}

function show_file(?array $file): void
{
    if ($file === null || $file['error'] === UPLOAD_ERR_NO_FILE) {
        echo '<tr><th scope="row">File</th><td>none was chosen</td></tr>';
        return;
    }
    if ($file['error'] !== UPLOAD_ERR_OK) {
        echo '<tr><th scope="row">File</th><td>not taken: ', e(upload_problem($file['error'])), '</td></tr>';
        return;
    }
    ?>
          <tr><th scope="row">File</th><td><?= e($file['name']) ?></td></tr>
          <tr><th scope="row">Size</th><td><?= e(bytes_in_words($file['size'])) ?></td></tr>
          <tr><th scope="row">Type</th><td><?= e($file['type'] ?: 'not told') ?></td></tr>
          <tr><th scope="row">SHA-256</th><td><?= e(hash_file('sha256', $file['tmp_name'])) ?></td></tr>
    <?php
}

function show_picture(?array $file): void
{
    if ($file === null || $file['error'] !== UPLOAD_ERR_OK || $file['size'] > LARGEST_PICTURE) {
        return;
    }
    // Of what the file is, not of what the browser calls it.
    $type = @getimagesize($file['tmp_name'])['mime'] ?? '';
    if (in_array($type, ['image/png', 'image/jpeg', 'image/gif', 'image/webp'], true)) {
        echo '<img alt="The picture you sent" src="data:', $type, ';base64,', base64_encode(file_get_contents($file['tmp_name'])), '">';
    }
}

function upload_problem(int $error): string
{
    return match ($error) {
        UPLOAD_ERR_INI_SIZE => 'larger than upload_max_filesize, ' . ini_get('upload_max_filesize'),
        UPLOAD_ERR_PARTIAL => 'it came in part only',
        default => "PHP's upload error $error",
    };
}
