#!/usr/bin/env bash
# Installs from Debian the real programs that the tests run against. Needs root. None of them is left running as a service.
set -euo pipefail
packages=(
  php-cgi php-fpm php-cli php-mysql php-sqlite3 php-xml php-mbstring php-gd php-curl php-zip php-intl
  nginx apache2 libapache2-mod-fcgid lighttpd spawn-fcgi fcgiwrap libfcgi-dev libfcgi-bin libcgi-fast-perl libfcgi-perl
  golang-go mariadb-server wordpress wordpress-theme-twentytwentyone dokuwiki adminer chromium gcc curl procps
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then echo "peers: all ${#packages[@]} packages are there"; exit 0; fi
echo "peers: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A package's service would take the ports of the tests: policy-rc.d says no to every start while we install.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; trap 'rm -f "$policy"' EXIT; fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
