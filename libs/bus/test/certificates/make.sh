#!/bin/sh
# Makes the certificates of this folder anew: sh libs/bus/test/certificates/make.sh
# The broker's names the loopback address, opens nothing, and is in one file with its key. The keys of the authorities
# are thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cat >"$work/config" <<'END'
[ca]
default_ca = any
[any]
database = $ENV::WORK/database
rand_serial = yes
default_md = sha256
policy = names
unique_subject = no
[names]
commonName = supplied
END
export WORK="$work"

# certificate NAME EXTENSIONS OPTION...
certificate() {
  name=$1
  printf '%b' "$2" >"$work/extensions"
  shift 2
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$work/$name.key" \
    -out "$work/$name.request" -subj "/CN=$name" -config /dev/null
  : >"$work/database"
  openssl ca -batch -notext -config "$work/config" -outdir "$work" -in "$work/$name.request" -out "$name.pem" \
    -startdate 20200101000000Z -enddate 21200101000000Z -extfile "$work/extensions" "$@"
}

for name in authority stranger; do
  certificate "$name" 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' \
    -selfsign -keyfile "$work/$name.key"
done
certificate broker 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' \
  -cert authority.pem -keyfile "$work/authority.key"
cat "$work/broker.key" >>broker.pem
