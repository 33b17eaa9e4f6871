#!/usr/bin/env bash
# Installs from Debian the real programs that the tests run against. Needs root.
set -euo pipefail
exec bash "$(dirname "$0")/install-packages.sh" \
  php-cgi php-fpm php-cli php-mysql php-sqlite3 php-xml php-mbstring php-gd php-curl php-zip php-intl \
  nginx apache2 libapache2-mod-fcgid lighttpd spawn-fcgi fcgiwrap libfcgi-dev libfcgi-bin libcgi-fast-perl libfcgi-perl ruby ruby-fcgi \
  pebble golang-go mariadb-server wordpress wordpress-theme-twentytwentyone dokuwiki adminer chromium libnss3-tools gcc curl procps \
  prometheus gitweb cgit awstats cgi-mapserver man2html smokeping nagios4-cgi fossil git \
  zsh fish mandoc haproxy nghttp2-client caddy strace openssl
