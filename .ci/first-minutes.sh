#!/usr/bin/env bash
# Does what a newcomer does: clones, runs `npm ci && npm start` with no PHP on PATH, and fetches the page. Ends what it started.
set -euo pipefail
from=$(git rev-parse --show-toplevel)
work=$(mktemp -d)
server=
cleanup() {
  if [ -n "$server" ]; then kill -TERM -- "-$server" 2>/dev/null || true; sleep 1; kill -KILL -- "-$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

# A PATH with everything but PHP.
mkdir "$work/bin"
IFS=:
for folder in $PATH; do
  for program in "$folder"/*; do
    name=${program##*/}
    case $name in php*) ;; *) if [ -x "$program" ] && [ ! -e "$work/bin/$name" ]; then ln -s "$program" "$work/bin/$name"; fi ;; esac
  done
done
unset IFS
export PATH="$work/bin"

git clone -q "$from" "$work/postern"
cd "$work/postern"
npm ci >"$work/npm-ci.log" 2>&1 || { cat "$work/npm-ci.log"; exit 1; }
setsid npm start >"$work/start.log" 2>&1 &
server=$!
began=$(date +%s)
page=
for _ in $(seq 100); do
  url=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$work/start.log" | head -n 1 || true)
  if [ -n "$url" ] && page=$(curl -fsS -m 5 "$url/" 2>/dev/null); then break; fi
  sleep 0.2
done
cat "$work/start.log"
[ -n "$page" ] || { echo 'npm start: no page within 20 s'; exit 1; }
case $page in *'<html'*) ;; *) echo 'npm start: what came is not a page:'; echo "$page"; exit 1 ;; esac
echo "npm start: a page of ${#page} characters after $(($(date +%s) - began)) s"
