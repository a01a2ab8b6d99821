-- A room is for messages to all of it: for Prosody's mod_muc, which cannot be told so (ejabberd: allow_private_messages and
-- allow_query_users). Without this a member could speak to another behind the manager's back, under a nick.
--
--   Component "conference.example.org" "muc"
--       modules_enabled = { "muc_broadcast_only" }
--
-- Refused are messages and requests to an occupant. Presence, for joining and leaving, is not.

local st = require "util.stanza";
local jid_bare = require "util.jid".bare;

-- mod_muc itself hooks these at -2.
local BEFORE_ROOMS = 10;

local function refuse(event)
	local origin, stanza = event.origin, event.stanza;
	if stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		origin.send(st.error_reply(stanza, "cancel", "not-allowed", "Only to the whole room", jid_bare(stanza.attr.to)));
	end
	return true;
end

module:hook("message/full", refuse, BEFORE_ROOMS);
module:hook("iq/full", refuse, BEFORE_ROOMS);
