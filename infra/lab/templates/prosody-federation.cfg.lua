---- The federation gateway as an external component (XEP-0114): it stands for the hosts of the partners, whose stanzas it
---- takes over the gateways. Prosody wants a connection for each host. The links are not encrypted: on this machine only.
---- To add or end a partner change these lines and `prosodyctl reload`; nobody else is cut off (mod_components_on_reload).
---- Which local senders may reach a partner Prosody cannot be told: the gateway bounces what is not from the domain, its
---- rooms or its people.

-- `kick_old`: a gateway that comes back need not wait until the server has missed the old one.

${PARTNER_COMPONENTS}
