#!lua
--[[
passkeySwap: the new list takes the place of the list, in one step. Called inside MULTI after a WATCH of the list and
`touched`, so that nothing has happened to them since the new list caught up; or, when they do not keep still for long
enough, with `catchesUp`, which is exact too but holds up everybody else while it compares two whole lists.

KEYS   1 passkeys        set, the whitelist
       2 before          set, the list as last seen
       3 staged          set, the new list
       4 touched         set, passkeys decided about meanwhile
       5 importing       string, the lock: token of the swap under way
ARGV   1 token           of this swap
       2 expectedCount   members that `staged` must have; others mean that somebody else writes there
       3 catchesUp       1: catch up first
REPLY  members of the list after the swap; when nothing was done -1: the lock is no longer ours, -2: `staged` is not as
       it was left, -3: the list is gone, -4: the new list would be empty
COST   O(1), with catchesUp O(N); memory is freed in the background
]]
--@include lib/wholeNumber.lua
--@include lib/settlePasskeys.lua

local passkeysKey, beforeKey, stagedKey, touchedKey, importingKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local keys = { passkeys = passkeysKey, before = beforeKey, staged = stagedKey }
local token, expectedCount = ARGV[1], wholeNumber("expectedCount", ARGV[2])
local catchesUp = ARGV[3] == "1"

local function settleAll(members, isTouched)
  for first = 1, #members, 1000 do
    local batch = { unpack(members, first, math.min(first + 999, #members)) }
    settlePasskeys(keys, batch, isTouched)
  end
end

if redis.call("GET", importingKey) ~= token then return -1 end
if redis.call("SCARD", stagedKey) ~= expectedCount then return -2 end
if redis.call("EXISTS", passkeysKey) == 0 and redis.call("EXISTS", beforeKey) == 1 then return -3 end
if catchesUp then
  settleAll(redis.call("SMEMBERS", touchedKey), true)
  settleAll(redis.call("SDIFF", beforeKey, passkeysKey), false)
  settleAll(redis.call("SDIFF", passkeysKey, beforeKey), false)
end
local count = redis.call("SCARD", stagedKey)
if count == 0 then return -4 end
redis.call("UNLINK", passkeysKey) -- RENAME would free the old list before anybody is served again
redis.call("RENAME", stagedKey, passkeysKey)
redis.call("UNLINK", beforeKey, touchedKey, importingKey)
return count
