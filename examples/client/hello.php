<?php
header('Content-Type: text/plain');
echo 'Hello, ', $_GET['name'] ?? 'world', '. This is PHP ', PHP_VERSION, ', process ', getmypid(), '.';
