#!/bin/sh
# A CGI script: its request is in the environment and on stdin, its answer goes to stdout, its errors to stderr.
printf 'Content-Type: text/plain; charset=utf-8\n\n'
printf 'Hello from process %s.\n\n' "$$"
printf '%-16s %s\n' Method "$REQUEST_METHOD" Path "${PATH_INFO:-none}" Query "${QUERY_STRING:-none}" Folder "$(pwd)"
if [ "${CONTENT_LENGTH:-0}" -gt 0 ]; then printf '%-16s %s bytes\n' Body "$(wc -c)"; fi
