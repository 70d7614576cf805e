#!/bin/sh
# Makes the certificates of this folder anew, each in one file with its key: sh libs/grpc/test/certificates/make.sh
# They name the loopback address, or services of a trust domain that nobody has, and open nothing. The keys of the
# authorities are thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
from=20200101000000Z
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

new_key() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$work/$1.key" -out "$work/$1.request" \
    -subj "/CN=$1" -config /dev/null
}

# signed NAME END EXTENSIONS OPTION...
signed() {
  name=$1 until=$2
  printf '%b' "$3" >"$work/extensions"
  shift 3
  : >"$work/database"
  openssl ca -batch -notext -config "$work/config" -outdir "$work" -in "$work/$name.request" -out "$work/$name.pem" \
    -startdate "$from" -enddate "$until" -extfile "$work/extensions" "$@"
}

authority() {
  new_key "$1"
  signed "$1" 21200101000000Z 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' \
    -selfsign -keyfile "$work/$1.key"
}

# certificate NAME AUTHORITY SUBJECT_ALT_NAME [END]
certificate() {
  new_key "$1"
  signed "$1" "${4:-21200101000000Z}" "subjectAltName=$3\nextendedKeyUsage=serverAuth,clientAuth\n" \
    -cert "$work/$2.pem" -keyfile "$work/$2.key"
  cat "$work/$1.pem" "$work/$1.key" >"$1.pem"
}

for name in authority next-authority stranger; do authority "$name"; done
cp "$work/authority.pem" "$work/next-authority.pem" .

certificate host authority IP:127.0.0.1
certificate host-of-stranger stranger IP:127.0.0.1
certificate gateway authority URI:spiffe://herald.test/ns/herald/sa/gateway
for service in template dispatch; do
  uri=URI:spiffe://herald.test/ns/herald/sa/$service
  certificate "$service" authority "$uri"
  certificate "$service-renewed" authority "$uri"
  certificate "$service-of-next" next-authority "$uri"
  certificate "$service-of-stranger" stranger "$uri"
  certificate "$service-expired" authority "$uri" 20210101000000Z
  certificate "$service-elsewhere" authority "URI:spiffe://elsewhere.test/ns/herald/sa/$service"
done
