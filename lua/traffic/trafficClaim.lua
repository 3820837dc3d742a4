#!lua flags=allow-oom
--[[
trafficClaim: takes over entries that were delivered and not acknowledged for long, oldest first, with how often they were
delivered. One on which consumers die would take those around it along, so what was delivered often comes in small
numbers, in the end alone. What has left the stream meanwhile is a dead letter. A full Redis runs it too.

KEYS   1 traffic       stream
       2 deadLetters   stream
ARGV   1 group
       2 consumer      takes them
       3 owner         only what this consumer has; empty: whoever has it
       4 minIdleMs     only what nobody touched for so long
       5 fromId        only what is above this ID
       6 limit         at most so many
       7 counts        1: this is one more delivery; 0: the same consumer looks again
REPLY  { Redis epoch, last ID looked at or "" at the end, then for each { id, deliveries, fields or false when it is gone } };
       { Redis epoch } when the group is missing
COST   O(pending + limit)
]]
--@include lib/wholeNumber.lua
--@include lib/redisEpoch.lua
--@include lib/groupsOf.lua
--@include lib/groupNamed.lua
--@include lib/parkEntry.lua

local trafficKey, deadLettersKey = KEYS[1], KEYS[2]
local groupName, consumer, owner = ARGV[1], ARGV[2], ARGV[3]
local minIdleMs, fromId = wholeNumber("minIdleMs", ARGV[4]), ARGV[5]
local limit, counts = wholeNumber("limit", ARGV[6]), wholeNumber("counts", ARGV[7])

if not groupNamed(groupsOf(trafficKey), groupName) then return { redisEpoch() } end

local function mostTogether(deliveries)
  if deliveries < 3 then return limit end
  return deliveries < 4 and 16 or 1
end

local range = { "(" .. fromId, "+", limit }
if owner ~= "" then range[4] = owner end
local pending = redis.call("XPENDING", trafficKey, groupName, "IDLE", minIdleMs, unpack(range))
local reply = { redisEpoch(), "" }
local room = limit
for _, each in ipairs(pending) do
  local id, deliveries = each[1], each[4] + counts
  room = math.min(room, mostTogether(deliveries))
  if #reply - 2 >= room then break end
  local claimed = redis.call("XCLAIM", trafficKey, groupName, consumer, minIdleMs, id, "RETRYCOUNT", deliveries, "JUSTID")
  local entry = redis.call("XRANGE", trafficKey, id, id)[1]
  if #claimed == 0 or not entry then
    redis.call("XACK", trafficKey, groupName, id)
    local about = { "id", id, "history", redisEpoch(), "group", groupName,
      "reason", "trimmed from the stream after a consumer took it and before it was acknowledged",
      "attempts", deliveries, "entries", 1, "at", redis.call("TIME")[1] }
    pcall(parkEntry, deadLettersKey, about, {}) -- a key of a wrong type must not hide the loss: the reply tells it too
    entry = nil
  end
  reply[#reply + 1] = { id, deliveries, entry and entry[2] or false }
  reply[2] = id
end
return reply
