#!/usr/bin/env bash
# Installs from Debian the peers that `npm run bench` compares with, and what it loads them with. Needs root.
set -euo pipefail
exec bash "$(dirname "$0")/../.ci/install-packages.sh" \
  php-cgi php-fpm php-mysql php-xml php-mbstring php-gd php-curl \
  nginx apache2 libapache2-mod-fcgid lighttpd lighttpd-mod-openssl lighttpd-mod-deflate caddy \
  wrk nghttp2-client wordpress mariadb-server libfcgi-dev gcc libc6-dev
