#!lua flags=allow-oom
--[[
trafficRead: counts the entries that left the stream before the group read them, once, leaves a dead letter for them, and
reads those that are there. Through a script entries cost Redis several times as much, so it is asked for none of them, and
XREADGROUP follows in the same MULTI; but a full Redis queues no command, and runs this.

Trimming takes the oldest, so whatever is gone has the numbers up to entries-added - length of all that were ever added.
What the group has read ends at entries-read: Redis loses count of that at a trim and is put right here.

KEYS   1 traffic       stream
       2 deadLetters   stream
ARGV   1 group
       2 consumer
       3 limit         entries to read; 0: none
REPLY  { Redis epoch, 0 when the group is missing else 1, entries lost, first ID that may be missing or "", what XREADGROUP
       has of the stream or false }
COST   O(groups + limit)
]]
--@include lib/wholeNumber.lua
--@include lib/redisEpoch.lua
--@include lib/namedReply.lua
--@include lib/groupsOf.lua
--@include lib/groupNamed.lua
--@include lib/isIdBelow.lua
--@include lib/nextId.lua
--@include lib/parkEntry.lua

local trafficKey, deadLettersKey = KEYS[1], KEYS[2]
local groupName, consumer, limit = ARGV[1], ARGV[2], wholeNumber("limit", ARGV[3])

local group = groupNamed(groupsOf(trafficKey), groupName)
if not group then return { redisEpoch(), 0, 0, "", false } end

local function countLoss()
  local stream = namedReply(redis.call("XINFO", "STREAM", trafficKey))
  local readId = group["last-delivered-id"]
  local oldestId = stream.length > 0 and stream["recorded-first-entry-id"] or nextId(stream["last-generated-id"])
  local missingId = nextId(readId)
  if not isIdBelow(missingId, oldestId) then return 0, "" end

  local gone = stream["entries-added"] - stream.length
  local read = group["entries-read"]
  if not read and readId == "0-0" then read = 0 end
  local lost = read and gone - read or 0 -- not known for a group that was placed in the middle and has read nothing since
  if lost > 0 then
    local about = { "id", missingId, "history", redisEpoch(), "group", groupName,
      "reason", "trimmed from the stream before the group read it", "attempts", 0, "entries", lost,
      "at", redis.call("TIME")[1] }
    pcall(parkEntry, deadLettersKey, about, {}) -- a key of a wrong type must not hide the loss: the reply tells it too
  end
  -- Of an empty stream nothing will be read that moves the group on, and the next loss must have a first ID of its own.
  local goOnAfter = stream.length > 0 and readId or stream["last-generated-id"]
  if read ~= gone or goOnAfter ~= readId then
    redis.call("XGROUP", "SETID", trafficKey, groupName, goOnAfter, "ENTRIESREAD", gone)
  end
  if lost > 0 then return lost, missingId end
  return 0, ""
end

local lost, missingId = countLoss()
local streams = limit > 0
  and redis.call("XREADGROUP", "GROUP", groupName, consumer, "COUNT", limit, "STREAMS", trafficKey, ">")
return { redisEpoch(), 1, lost, missingId, streams and streams[1][2] or false }
