<!doctype html>
<title>PHP, embedded</title>
<p>PHP <?= PHP_VERSION ?>, process <?= getmypid() ?>.
<p><a href="/api/time">The time</a> comes from the Node server around it.
