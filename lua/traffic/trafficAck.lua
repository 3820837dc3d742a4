#!lua flags=allow-oom
--[[
trafficAck: acknowledges what is settled, unless this is another life of Redis: there the same IDs may be other entries.
A full Redis runs it too.

KEYS   1 traffic   stream
ARGV   1 group
       2 history   in which the entries were read
       3 ...ids    at most 4,000
REPLY  how many were pending, or -1 when this is another history now
COST   O(ids)
]]
--@include lib/history.lua

local trafficKey = KEYS[1]
local groupName, expectedHistory = ARGV[1], ARGV[2]

if history() ~= expectedHistory then return -1 end
return redis.call("XACK", trafficKey, groupName, unpack(ARGV, 3))
