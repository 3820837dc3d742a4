#!lua flags=allow-oom
--[[
trafficGroup: makes the consumer group, and the stream, where they are missing. It begins after the low watermark, up to
which the ledger has settled this Redis epoch; with none at the beginning. A full Redis runs it too.

KEYS   1 traffic       stream
ARGV   1 group
       2 redisEpoch    for which the low watermark holds
       3 lowWatermark  ID; empty: nothing of this epoch is settled
REPLY  1 made, 0 it was there, -1 this is another epoch now
COST   O(groups)
]]
--@include lib/redisEpoch.lua
--@include lib/namedReply.lua
--@include lib/groupsOf.lua
--@include lib/groupNamed.lua
--@include lib/isIdBelow.lua

local trafficKey = KEYS[1]
local groupName, expectedEpoch, lowWatermark = ARGV[1], ARGV[2], ARGV[3]

if redisEpoch() ~= expectedEpoch then return -1 end
if groupNamed(groupsOf(trafficKey), groupName) then return 0 end

local isThere = redis.call("EXISTS", trafficKey) == 1
local stream = isThere and namedReply(redis.call("XINFO", "STREAM", trafficKey))
local added = stream and stream["entries-added"] or 0
local length = stream and stream.length or 0
local newestId = stream and stream["last-generated-id"] or "0-0"

local entriesRead
if lowWatermark == "" then
  entriesRead = 0 -- what is gone already counts as lost: this ledger has not seen it
elseif not isIdBelow(lowWatermark, newestId) then
  entriesRead = added
elseif length == 0 or isIdBelow(lowWatermark, stream["recorded-first-entry-id"]) then
  entriesRead = added - length -- gone, settled or not: nobody can tell any more
end
local startId = lowWatermark == "" and "0" or lowWatermark
if entriesRead then
  redis.call("XGROUP", "CREATE", trafficKey, groupName, startId, "MKSTREAM", "ENTRIESREAD", entriesRead)
else
  redis.call("XGROUP", "CREATE", trafficKey, groupName, startId, "MKSTREAM")
end
-- A stream that was deleted begins its IDs anew. By the clock they are above the low watermark; should it have been put
-- back, they must be all the same, or the group would never see them.
if lowWatermark ~= "" and isIdBelow(newestId, lowWatermark) then redis.call("XSETID", trafficKey, lowWatermark) end
return 1
