/**
 * What is needed from Debian: group → package → why. A task of task-list.mjs names its groups. Add a package with its
 * first user, to the smallest group that needs it.
 */
export const debianPackages = {
  unit: {
    openssl: 'the oracle that verifies and opens our CMS, certificates and PKCS#12',
  },
  lab: {
    ejabberd: 'the XMPP server of a domain',
    slapd: 'the certificate directory (LDAP)',
    'nats-server': 'the node-local bus and the command journal',
    simplesamlphp: 'the identity provider of a federation (SAML)',
    'libapache2-mod-php': 'the web server in which it runs, without the package that would start one at boot',
    'php-xml': 'XML for the identity provider',
    'php-mbstring': 'texts for the identity provider',
    'micro-httpd': 'stands for "a web server" that simplesamlphp asks for; it runs only if inetd starts it',
  },
  test: {
    prosody: 'the other XMPP server that a domain may run on',
    'ldap-utils': 'reads the directory as a stock client, to check ours',
    scep: "micromdm's SCEP client and server, as peers of ours",
    'strongswan-pki': "strongSwan's SCEP client, as a peer of our authority",
    'libstrongswan-extra-plugins': 'ciphers that the SCEP client of strongSwan needs',
    certmonger: "certmonger's SCEP client, as a peer of our authority",
    gsasl: 'the client of SASL SAML20, and its library as a server, as peers of our streams',
    'dnsmasq-base': 'answers for the names of servers that federate in a test',
    'lua-unbound': "lets Prosody ask a test's name server instead of the machine's",
    'python3-slixmpp': 'a stock XMPP client, scripted, as a person has one',
    'python3-pysaml2': 'a second identity provider, as a peer of our authentication agents',
    xmlsec1: 'signs for pysaml2, and is the oracle for our XML signatures',
    spin: 'checks the model of the leader lease',
    gcc: 'compiles what spin makes of that model',
    'libc6-dev': 'its headers',
    zsh: 'a shell in which completion is tried',
    fish: 'a shell in which completion is tried',
    libfaketime: 'moves the clock of a program, to see what it makes of that',
    'dbus-daemon': 'the private bus on which certmonger is run',
  },
};
