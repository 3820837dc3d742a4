#!lua flags=allow-oom
--[[
trafficLoss: counts the entries that left the stream before the group read them, once, and leaves a dead letter for them.
Goes before XREADGROUP in one MULTI, so that nothing is trimmed in between. A full Redis runs it too.

Trimming takes the oldest, so whatever is gone has the numbers up to entries-added - length of all that were ever added.
What the group has read ends at entries-read: Redis loses count of that at a trim and is put right here.

KEYS   1 traffic       stream
       2 deadLetters   stream
ARGV   1 group
REPLY  { history, 0 when the group is missing else 1, entries lost, first ID that may be missing }
COST   O(groups)
]]
--@include lib/history.lua
--@include lib/namedReply.lua
--@include lib/groupsOf.lua
--@include lib/groupNamed.lua
--@include lib/isIdBelow.lua
--@include lib/nextId.lua
--@include lib/parkEntry.lua

local trafficKey, deadLettersKey = KEYS[1], KEYS[2]
local groupName = ARGV[1]

local group = groupNamed(groupsOf(trafficKey), groupName)
if not group then return { history(), 0, 0, "" } end

local stream = namedReply(redis.call("XINFO", "STREAM", trafficKey))
local readId = group["last-delivered-id"]
local oldestId = stream.length > 0 and stream["recorded-first-entry-id"] or nextId(stream["last-generated-id"])
local missingId = nextId(readId)
if not isIdBelow(missingId, oldestId) then return { history(), 1, 0, "" } end

local gone = stream["entries-added"] - stream.length
local read = group["entries-read"]
if not read and readId == "0-0" then read = 0 end
local lost = read and gone - read or 0 -- not known for a group that was placed in the middle and has read nothing since
if lost > 0 then
  local about = { "id", missingId, "history", history(), "group", groupName,
    "reason", "trimmed from the stream before the group read it", "attempts", 0, "entries", lost,
    "at", redis.call("TIME")[1] }
  pcall(parkEntry, deadLettersKey, about, {}) -- a key of a wrong type must not hide the loss: the reply tells it too
end
-- Of an empty stream nothing will be read that moves the group on, and the next loss must have a first ID of its own.
local goOnAfter = stream.length > 0 and readId or stream["last-generated-id"]
if read ~= gone or goOnAfter ~= readId then
  redis.call("XGROUP", "SETID", trafficKey, groupName, goOnAfter, "ENTRIESREAD", gone)
end
return { history(), 1, math.max(lost, 0), lost > 0 and missingId or "" }
