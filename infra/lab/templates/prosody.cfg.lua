-- Prosody 0.12 as the XMPP server of one mom4c domain. A lab fills in the placeholders; for a server of your own do the
-- same by hand and start Prosody as your distribution does.

-- Where mod_auth_certificate, mod_muc_broadcast_only, mod_components_on_reload and mod_accounts_from_file stand: copies of
-- infra/prosody/.
plugin_paths = { "${FOLDER}/modules" }
data_path = "${FOLDER}/database"
-- As an ordinary user wherever there is one.
run_as_root = ${RUN_AS_ROOT}

-- `debug`, with mod_stanza_debug, writes every stanza to the log.
log = {
	{ levels = { min = "${LOG_LEVEL}" }, to = "file", filename = "${FOLDER}/prosody.log" };
	{ levels = { min = "warn" }, to = "console" };
}

---- Listeners

interfaces = { "${HOST}" }
-- Direct TLS (XEP-0368): no plain text before the handshake. There is no other listener, hence no federation past the
-- gateway (s2s) and no administration over the network.
c2s_direct_tls_ports = { ${PORT} }
c2s_ports = {}
s2s_ports = {}
s2s_direct_tls_ports = {}
component_ports = { ${COMPONENT_PORTS} }
component_stanza_size_limit = 262144
http_ports = {}
https_ports = {}

-- Not looked for anywhere else than where c2s_direct_tls_ssl says.
certificates = "${FOLDER}/tls"

c2s_direct_tls_ssl = {
	-- The server's own, issued by the certificate authority of the domain with the role `server`. It must name the domain
	-- (clients compare the XMPP domain, RFC 6120 section 13.7.2), and the host name and IP address that nodes connect to.
	certificate = "${FOLDER}/tls/cert.pem";
	key = "${FOLDER}/tls/key.pem";
	-- Who may log in with SASL EXTERNAL: holders of a certificate of this authority, under an address that it names.
	-- To trust an authority is to let it make accounts: name the domain's own one only.
	cafile = "${FOLDER}/tls/ca.pem";
	-- By default Prosody trusts the system's authorities as well.
	capath = false;
	-- Asks for a client certificate. One is needed to log in, none to register in band.
	verify = { "peer" };
	-- By default Prosody checks a client's certificate as if it were a server's.
	verifyext = { lsec_ignore_purpose = false };
	protocol = "tlsv1_2+";
}

network_settings = {
	-- With Nagle's algorithm every exchange waits 40 ms.
	nagle = false;
	-- All nodes of the domain may come back at the same moment.
	tcp_backlog = 1024;
}

---- Limits. mod_limits is off: the nodes are authenticated, and 10 kB a second would slow a large answer down.

c2s_stanza_size_limit = 262144
-- Who is not logged in within this many seconds is cut off.
c2s_timeout = 60
-- When the server stops: seconds for clients to close their streams.
c2s_close_timeout = 1

---- Modules. What is not listed is off, on purpose:
----   offline   a command must not wait for a node behind the manager's back
----   mam       the audit trail is ours, and an archive slows a room down
----   smacks    a resumable session hides the loss of a node for as long as it may be resumed
----   roster, vcard, pep, admin_shell, user_account_management (changes passwords, ends accounts), …  nobody uses them

modules_enabled = {
	"disco";
	"ping";
	"posix";
	"saslauth";
	-- In-band registration (XEP-0077) makes a node's account at its first start. Only from networks whose users may take
	-- any free name; elsewhere make the accounts when the certificates are issued, and leave this module out.
	"register_ibr";
	"components_on_reload";
	${MORE_MODULES}
}
modules_disabled = { "offline", "s2s", "s2s_auth_certs" }

allow_registration = true
allowlist_registration_only = true
registration_allowlist = { ${NETWORKS} }

---- The domain

VirtualHost "${DOMAIN}"
	-- A certificate is the only way in. In-band registration gives everybody on its network a free name with a password:
	-- with SCRAM whoever comes first would log in as `cm` and take the manager's place.
	authentication = "certificate"
	certificate_authority = "${FOLDER}/tls/ca.pem"
	-- The newest session of an address wins.
	conflict_resolve = "kick_old"

-- Partners' nodes may come in as well, through the gateway, where a room admits them: the cluster's rooms are for members
-- only, and a manager, their owner, makes somebody a member by his address, of whichever domain, and invites him.
Component "conference.${DOMAIN}" "muc"
	-- The cluster managers of the domain and their common address: they alone make rooms.
	admins = ${MANAGERS}
	restrict_room_creation = "admin"
	-- Whoever takes over must own what another manager has made.
	component_admins_as_room_owners = true
	-- Neither messages nor requests from one member to another through the room.
	modules_enabled = { "muc_broadcast_only" }
	-- A destroyed room may be made anew.
	muc_tombstones = false
	muc_room_cache_size = 1000
	-- A command must not be played back to who joins later.
	max_history_messages = 0
${PEOPLE}${FEDERATION}