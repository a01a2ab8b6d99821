-- `prosodyctl reload` brings up each external component that has come into the configuration, and takes down each that is no
-- longer there. Prosody itself does so at a restart only, which would cut everybody off. In the global `modules_enabled`.
--
-- A connection that a component has keeps its secret until it ends.

module:set_global();

local configmanager = require "core.configmanager";
local hostmanager = require "core.hostmanager";

local function is_external(host_config)
	return host_config and host_config.component_module == "component" and host_config.enabled ~= false;
end

module:hook_global("config-reloaded", function ()
	local configured = configmanager.getconfig();
	local gone = {};
	for host, session in pairs(prosody.hosts) do
		if session.modules and session.modules.component and not is_external(rawget(configured, host)) then
			gone[#gone + 1] = host;
		end
	end
	for _, host in ipairs(gone) do
		hostmanager.deactivate(host, "This server has stopped serving "..host);
	end
	for host, host_config in pairs(configured) do
		if is_external(host_config) and not rawget(prosody.hosts, host) then
			assert(hostmanager.activate(host, host_config));
		end
	end
	module:log("info", "External components are as configured");
end);
