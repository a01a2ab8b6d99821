/** What the real servers and oracles of the lab need from Debian: package name → why. Add a package with its first user. */
export const debianPackages = {
  ejabberd: 'the XMPP server of a domain',
  slapd: 'the certificate directory (LDAP)',
  'ldap-utils': 'reads the directory as a stock client, to check ours',
  'nats-server': 'the node-local bus, the command journal and the leader lease',
  openssl: 'the oracle that verifies and opens our CMS, certificates and PKCS#12',
};
