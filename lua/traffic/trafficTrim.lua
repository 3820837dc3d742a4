#!lua flags=allow-oom
--[[
trafficTrim: drops the entries that every group has finished: read and acknowledged. It frees memory, so a full Redis
runs it too. A stream that no group reads is left alone.

KEYS   1 traffic   stream
ARGV   1 keepMs    entries younger than this stay
       2 limit     about so many a call
       3 isDry     1: only say what would go
REPLY  { entries dropped, oldest ID that must stay or "" when no group reads, the group that needs it or "" when it is
       only young, 1 when more is left }
COST   O(groups + limit)
]]
--@include lib/wholeNumber.lua
--@include lib/groupsOf.lua
--@include lib/isIdBelow.lua
--@include lib/nextId.lua

local trafficKey = KEYS[1]
local keepMs, limit, isDry = wholeNumber("keepMs", ARGV[1]), wholeNumber("limit", ARGV[2]), ARGV[3] == "1"

local stayId, neededBy
for _, group in ipairs(groupsOf(trafficKey)) do
  local oldestPending = redis.call("XPENDING", trafficKey, group.name)[2]
  local needed = oldestPending or nextId(group["last-delivered-id"])
  if not stayId or isIdBelow(needed, stayId) then stayId, neededBy = needed, group.name end
end
if not stayId then return { 0, "", "", 0 } end

local time = redis.call("TIME")
local youngest = string.format("%.0f-0", math.max(0, time[1] * 1000 + math.floor(time[2] / 1000) - keepMs))
if keepMs > 0 and isIdBelow(youngest, stayId) then stayId, neededBy = youngest, "" end
if isDry then return { 0, stayId, neededBy, 0 } end

-- Whole nodes first, a bounded number of them; what is left is part of one.
local dropped = redis.call("XTRIM", trafficKey, "MINID", "~", stayId, "LIMIT", limit)
if dropped * 2 >= limit then return { dropped, stayId, neededBy, 1 } end -- it stops before a node that is too large
dropped = dropped + redis.call("XTRIM", trafficKey, "MINID", "=", stayId)
return { dropped, stayId, neededBy, 0 }
