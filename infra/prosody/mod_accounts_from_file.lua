-- Makes the accounts of a file when the server has started, and deletes the file: a way for a program to make accounts
-- without passwords in arguments. Each line is `NAME PASSWORD`. An account that is there already stays as it is.
--
--   VirtualHost "people.example.org"
--       modules_enabled = { "accounts_from_file" }
--       accounts_file = "/run/prosody/accounts"

local usermanager = require "core.usermanager";

local path = module:get_option_string("accounts_file");

module:hook_global("server-started", function ()
	local file = path and io.open(path);
	if not file then return; end
	for line in file:lines() do
		local name, password = line:match("^(%S+) (%S+)$");
		if name and not usermanager.user_exists(name, module.host) then
			assert(usermanager.create_user(name, password, module.host));
		end
	end
	file:close();
	assert(os.remove(path));
end);
