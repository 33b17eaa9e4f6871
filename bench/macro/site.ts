// The document root of the plain cases: a few small PHP scripts and some files.

import { mkdirSync, writeFileSync } from 'node:fs';

const scripts = {
  'hello.php': '<?php echo "Hello\\n";\n',
  'page.php': `<?php
// About 10 KB of HTML, made the way templates make it: a loop, an array, escaping.
$rows = [];
for ($i = 1; $i <= 80; $i++) {
  $rows[] = ['id' => $i, 'title' => "Entry <$i>", 'price' => $i * 1.25, 'tags' => ['red', 'green', 'blue']];
}
?><!doctype html>
<html><head><title>A page</title></head><body><table>
<?php foreach ($rows as $row): ?>
<tr class="row-<?= $row['id'] % 2 ?>"><td><?= htmlspecialchars($row['title']) ?></td><td><?= number_format($row['price'], 2) ?></td><td><?= implode(', ', $row['tags']) ?></td></tr>
<?php endforeach ?>
</table></body></html>
`,
  // One worker answers at most 50 of these a second, whatever the machine: it waits, it does not compute.
  'slow.php': '<?php usleep(20000); echo "Done\\n";\n',
  'download.php': `<?php
header('Content-Type: application/octet-stream');
$block = str_repeat('x', 100000);
for ($i = 0; $i < 100; $i++) echo $block;
`,
  'upload.php': `<?php
$input = fopen('php://input', 'rb');
$bytes = 0;
while (!feof($input)) $bytes += strlen(fread($input, 65536));
if ($bytes !== 10000000) http_response_code(500);
echo $bytes, "\\n";
`,
};

/** Writes the plain site into `root`. */
export function writeSite(root: string): void {
  mkdirSync(root, { recursive: true });
  for (const [name, text] of Object.entries(scripts)) writeFileSync(`${root}/${name}`, text);
  writeFileSync(`${root}/1k.txt`, 'x'.repeat(1000));
  writeFileSync(`${root}/1m.txt`, 'x'.repeat(1_000_000));
}
