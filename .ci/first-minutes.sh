#!/usr/bin/env bash
# Does what a newcomer does, in a new clone: `npm ci && npm start`, the page, a form with a file; once with the PHP that is found
# and once with the embedded one. Ends what it started.
set -euo pipefail
from=$(git rev-parse --show-toplevel)
work=$(mktemp -d)
server=
stop() {
  [ -n "$server" ] || return 0
  kill -TERM -- "-$server" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 -- "-$server" 2>/dev/null || break; sleep 0.2; done
  if kill -0 -- "-$server" 2>/dev/null; then echo 'did not end within 10 s of SIGTERM'; kill -KILL -- "-$server"; server=; return 1; fi
  server=
}
trap 'stop || true; rm -rf "$work"' EXIT

# visit NAME COMMAND...: starts it, fetches the page, sends the form, ends it.
visit() {
  local name=$1 url= page= answer began
  shift
  began=$(date +%s)
  setsid "$@" >"$work/$name.log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    url=$(sed -nE 's#^ *site +(http://127\.0\.0\.1:[0-9]+)/?$#\1#p' "$work/$name.log" | head -n 1)
    if [ -n "$url" ] && page=$(curl -fsS -m 5 "$url/" 2>/dev/null); then break; fi
    sleep 0.2
  done
  cat "$work/$name.log"
  case $page in *'<html'*) ;; *) echo "$name: no page within 20 s: $page"; return 1 ;; esac
  echo "$name: a page of ${#page} characters after $(($(date +%s) - began)) s"
  printf 'a lighthouse' >"$work/lamp.txt"
  answer=$(curl -fsS -m 10 -F name=newcomer -F "file=@$work/lamp.txt" "$url/")
  case $answer in *lamp.txt*) echo "$name: the form and its file arrived" ;; *) echo "$name: the form's file did not arrive: $answer"; return 1 ;; esac
  stop
}

git clone -q "$from" "$work/postern"
cd "$work/postern"
npm ci >"$work/npm-ci.log" 2>&1 || { cat "$work/npm-ci.log"; exit 1; }
visit found npm start
visit embedded npm start -- --php wasm
