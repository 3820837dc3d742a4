#!lua flags=allow-oom
--[[
trafficPark: moves one entry from the group's pending ones to the dead letters, in one step: never in both, never in none.
A full Redis runs it too.

KEYS   1 traffic       stream
       2 deadLetters   stream: dead letters, or those given up
ARGV   1 group
       2 redisEpoch    in which the entry was read
       3 id
       4 reason
       5 attempts
REPLY  1 parked, 0 it was not pending any more, -1 this is another epoch now
COST   O(log N)
]]
--@include lib/redisEpoch.lua
--@include lib/parkEntry.lua

local trafficKey, deadLettersKey = KEYS[1], KEYS[2]
local groupName, expectedEpoch, id, reason, attempts = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

if redisEpoch() ~= expectedEpoch then return -1 end
if #redis.call("XPENDING", trafficKey, groupName, id, id, 1) == 0 then return 0 end
local entry = redis.call("XRANGE", trafficKey, id, id)[1]
local about = { "id", id, "history", expectedEpoch, "group", groupName, "reason", reason, "attempts", attempts,
  "entries", 1, "at", redis.call("TIME")[1] }
parkEntry(deadLettersKey, about, entry and entry[2] or {})
redis.call("XACK", trafficKey, groupName, id)
return 1
