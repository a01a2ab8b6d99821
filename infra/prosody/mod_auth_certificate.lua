-- Log-in by client certificate, and by nothing else: SASL EXTERNAL (RFC 6120 section 6, XEP-0178) for Prosody 0.12.
--
--   authentication = "certificate"
--   certificate_authority = "/path/of/ca.pem"    -- the root whose certificates are accepted; no other one counts
--   barred_accounts = { "te3" }                  -- whoever has lost his certificate; `prosodyctl reload` makes it count
--
-- A client is let in as the address that it asks for, if its certificate
--   * is one that `certificate_authority` has issued, valid now and good for a TLS client, and
--   * names that very address as xmppAddr (RFC 6120 section 13.7.1.4). It may name several; the request chooses.
-- An empty request is refused, and so is an address of another host. Accounts are names: a password that somebody
-- registers is not kept, since nobody could log in with it.
--
-- Why not mod_auth_ccert of prosody-modules: it takes an empty request for the first address, never answers a missing
-- one, and leaves open which authorities count (by default all of the system's). It makes no accounts either.

local jid = require "util.jid";
local ssl = require "ssl";

local XMPP_ADDR = "1.3.6.1.5.5.7.8.5";
local SUBJECT_ALT_NAME = "2.5.29.17";

local accounts = module:open_store("accounts");

local function load_authority()
	local path = assert(module:get_option_path("certificate_authority"), "certificate_authority is not set");
	local file = assert(io.open(path));
	local pem = file:read("*a");
	file:close();
	return assert(ssl.loadcertificate(pem));
end

local authority = load_authority();

-- The certificate of the other side, once everything about it is right but the address; else nil and the reason.
local function checked_certificate(session)
	local socket = session.secure and session.conn:socket();
	if not socket then return nil, "no TLS"; end
	local certificate = socket:getpeercertificate();
	if not certificate then return nil, "no certificate"; end
	-- The listener lets a handshake with a wrong certificate pass, so that registration and a clear refusal are possible.
	-- Chain, time and purpose.
	if not socket:getpeerverification() then return nil, "the certificate is not valid"; end
	-- The listener may trust more authorities than this host.
	if not authority:issued(certificate) then return nil, "the certificate is not of our authority"; end
	return certificate;
end

local function names(certificate, address)
	local alternative = certificate:extensions()[SUBJECT_ALT_NAME];
	for _, named in ipairs(alternative and alternative[XMPP_ADDR] or {}) do
		if named == address then return true; end
	end
	return false;
end

-- The local part of the address, if the session may log in as that; else nil and the reason. No address: nil.
local function admitted(session, address)
	local username, host, resource = jid.prepped_split(address, true);
	-- Spelled as in the certificate: bare, and prepared.
	if not username or resource or host ~= module.host or address ~= jid.join(username, host) then
		return nil, "the address is not one of this host";
	end
	-- Asked for each time: the configuration may have been read again.
	if module:get_option_set("barred_accounts", {}):contains(username) then return nil, "the account is barred"; end
	local certificate, reason = checked_certificate(session);
	if not certificate then return nil, reason; end
	if not names(certificate, address) then return nil, "the certificate does not name the address"; end
	return username;
end

local function new_handler(session)
	local handler = {};

	function handler:mechanisms()
		return { EXTERNAL = true };
	end

	function handler:select(mechanism)
		self.selected = mechanism == "EXTERNAL" and mechanism or nil;
		return self.selected ~= nil;
	end

	function handler:process(address)
		local username, reason = admitted(session, address);
		if not username then
			session.log("warn", "Log-in refused: %s", reason);
			return "failure", "not-authorized";
		end
		self.username = username;
		return "success";
	end

	function handler:clean_clone()
		return new_handler(session);
	end

	return handler;
end

local provider = {};

function provider.get_sasl_handler(session)
	return new_handler(session);
end

function provider.user_exists(username)
	return accounts:get(username) ~= nil;
end

function provider.create_user(username)
	return accounts:set(username, { created = os.time() });
end

function provider.delete_user(username)
	return accounts:set(username, nil);
end

function provider.users()
	return accounts:users();
end

module:provides("auth", provider);
