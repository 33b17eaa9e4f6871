#!/usr/bin/env bash
# Installs from Debian the peers that `npm run bench` compares with, and what it loads them with. Needs root. Starts no service.
set -euo pipefail
packages=(
  php-cgi php-fpm php-mysql php-xml php-mbstring php-gd php-curl
  nginx apache2 libapache2-mod-fcgid lighttpd caddy
  wrk wordpress mariadb-server libfcgi-dev gcc libc6-dev
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then echo "peers: all ${#packages[@]} packages are there"; exit 0; fi
echo "peers: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A package's service would take the machine's time and ports: policy-rc.d says no to every start while we install.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; trap 'rm -f "$policy"' EXIT; fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo 'peers: done'
