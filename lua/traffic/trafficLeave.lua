#!lua flags=allow-oom
--[[
trafficLeave: removes consumers that have nothing pending from the group: one that ends, and those not seen for long.
Redis keeps them for ever, and would drop what they hold with them, so it has to be one step.

KEYS   1 traffic    stream
ARGV   1 group
       2 consumer   ends now; empty: none does
       3 idleMs     others go when they were silent for so long
REPLY  how many were removed
COST   O(consumers)
]]
--@include lib/wholeNumber.lua
--@include lib/namedReply.lua
--@include lib/groupsOf.lua
--@include lib/groupNamed.lua

local trafficKey = KEYS[1]
local groupName, consumer, idleMs = ARGV[1], ARGV[2], wholeNumber("idleMs", ARGV[3])

if not groupNamed(groupsOf(trafficKey), groupName) then return 0 end
local removed = 0
for _, list in ipairs(redis.call("XINFO", "CONSUMERS", trafficKey, groupName)) do
  local each = namedReply(list)
  if each.pending == 0 and (each.name == consumer or each.idle >= idleMs) then
    redis.call("XGROUP", "DELCONSUMER", trafficKey, groupName, each.name)
    removed = removed + 1
  end
end
return removed
