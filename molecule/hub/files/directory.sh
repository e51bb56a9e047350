#!/bin/sh
# An OpenLDAP server on the host, for people who are in the roster and some who are not. It takes passwords over TLS only.
# Usage: directory.sh NAME-IN-ITS-CERTIFICATE
set -eu
folder=/srv/test-directory
if ! command -v slapd >/dev/null; then
  # Not as Debian starts it, but as it is told below.
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slapd openssl >/dev/null
  rm /usr/sbin/policy-rc.d
fi
mkdir -p $folder && cd $folder
if [ ! -e ca.crt ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=The lab's authority" \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.crt 2>/dev/null
fi
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout key.pem -out request.pem 2>/dev/null
# Python 3.13 takes no certificate without these.
printf 'subjectAltName=DNS:%s\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n' "$1" > names
openssl x509 -req -in request.pem -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem 2>/dev/null
cat > slapd.conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $folder/pid
TLSCertificateFile $folder/cert.pem
TLSCertificateKeyFile $folder/key.pem
security simple_bind=128
database mdb
suffix dc=lab,dc=test
directory $folder/db
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
END
if [ ! -d db ]; then
  mkdir db
  {
    printf 'dn: dc=lab,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: lab\n\n'
    printf 'dn: ou=people,dc=lab,dc=test\nobjectClass: organizationalUnit\n\n'
    for name in alice asmith mary-ann stranger hub; do
      printf 'dn: uid=%s,ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\ncn: %s\nsn: %s\n' "$name" "$name" "$name"
      printf 'userPassword: %s of the directory\n\n' "$name"
    done
  } | slapadd -f slapd.conf
fi
[ ! -e pid ] || { kill "$(cat pid)"; while [ -e pid ]; do sleep 0.1; done; }
slapd -f slapd.conf -h 'ldap://0.0.0.0:3890/ ldaps://0.0.0.0:6360/'
