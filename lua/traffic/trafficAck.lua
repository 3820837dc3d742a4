#!lua flags=allow-oom
--[[
trafficAck: acknowledges what is settled, unless this is another life of Redis: there the same IDs may be other entries.
A full Redis runs it too.

KEYS   1 traffic      stream
ARGV   1 group
       2 redisEpoch   in which the entries were read
       3 ...ids       at most 4,000
REPLY  how many were pending, or -1 when this is another epoch now
COST   O(ids)
]]
--@include lib/redisEpoch.lua

local trafficKey = KEYS[1]
local groupName, expectedEpoch = ARGV[1], ARGV[2]

if redisEpoch() ~= expectedEpoch then return -1 end
return redis.call("XACK", trafficKey, groupName, unpack(ARGV, 3))
