---- People. They have stock clients and passwords, and hence a host of their own: what is weaker here than a certificate
---- stays here. The operator makes their accounts (`prosodyctl adduser NAME@HOST`); nobody registers in band.

VirtualHost "${PEOPLE_HOST}"
	authentication = "internal_hashed"
	-- SCRAM-SHA-256 only, bound to the TLS connection where the client can do that.
	password_hash = "SHA-256"
	disable_sasl_mechanisms = { "DIGEST-MD5", "EXTERNAL", "OAUTHBEARER", "PLAIN" }
	modules_disabled = { "register_ibr" }
	modules_enabled = { "accounts_from_file", "roster" }
	accounts_file = "${FOLDER}/accounts"
	-- So that a client finds the commands by looking around.
	disco_items = { { "${COMPONENT}", "Commands of the domain" } }

-- The command adapter as an external component (XEP-0114). The link is not encrypted: on this machine only.
Component "${COMPONENT}"
	component_secret = "${COMPONENT_SECRET}"
