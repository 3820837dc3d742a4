#!lua
--[[
passkeyImportBegin: takes the lock of a swap of the whole list and removes what a killed one left behind. A new list
without the sets that a swap keeps beside it was filled by somebody else, and is left alone.

KEYS   1 importing   string, the lock: token of the swap under way
       2 staged      set, the new list
       3 before      set, the list as last seen
       4 touched     set, passkeys decided about meanwhile
ARGV   1 token       of this swap
       2 ttlMs       the lock ends by itself after so long without a sign of life
REPLY  { token of the swap under way, ms until its lock ends }; this token when the lock is ours, an empty one when
       `staged` is somebody else's: then nothing is done
COST   O(1); what was left behind is freed in the background
]]
--@include lib/wholeNumber.lua

local importingKey, stagedKey, beforeKey, touchedKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, ttlMs = ARGV[1], wholeNumber("ttlMs", ARGV[2])

local isIdle = redis.call("EXISTS", importingKey) == 0
if isIdle and redis.call("EXISTS", stagedKey) == 1 and redis.call("EXISTS", beforeKey, touchedKey) == 0 then
  return { "", 0 }
end
if redis.call("SET", importingKey, token, "NX", "PX", ttlMs) then
  redis.call("UNLINK", stagedKey, beforeKey, touchedKey)
end
return { redis.call("GET", importingKey), redis.call("PTTL", importingKey) }
