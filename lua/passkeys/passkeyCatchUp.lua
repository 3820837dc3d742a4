#!lua
--[[
passkeyCatchUp: one step of bringing a new list up to date with what happened to the list while it was built. Looks at
some members of one set; a whole pass looks at `touched`, `before` and `passkeys`, each to the end of its cursor.

KEYS   1 source      set to go through: one of `touched`, `before`, `passkeys`
       2 passkeys    set, the whitelist; never written
       3 before      set, the list as last seen
       4 staged      set, the new list
       5 importing   string, the lock: token of the swap under way
ARGV   1 token       of this swap
       2 ttlMs       the lock ends by itself after so long without a sign of life
       3 cursor      of SSCAN, 0 at first
       4 limit       about so many members in one step
       5 isTouched   1: somebody decided about every member of the source
REPLY  { next cursor, seen, changed, growth of staged, seen ones that are staged }; cursor 0 at the end, -1 when the lock
       is no longer ours: then nothing is done
COST   O(limit)
]]
--@include lib/wholeNumber.lua
--@include lib/ownsImport.lua
--@include lib/settlePasskeys.lua

local sourceKey, importingKey = KEYS[1], KEYS[5]
local keys = { passkeys = KEYS[2], before = KEYS[3], staged = KEYS[4] }
local token, ttlMs, cursor = ARGV[1], wholeNumber("ttlMs", ARGV[2]), ARGV[3]
local limit, isTouched = wholeNumber("limit", ARGV[4]), ARGV[5] == "1"

if not ownsImport(importingKey, token, ttlMs) then return { "-1", 0, 0, 0, 0 } end
local found = redis.call("SSCAN", sourceKey, cursor, "COUNT", limit)
local members, stagedCount = found[2], 0
local changed, grown = settlePasskeys(keys, members, isTouched)
if #members > 0 then
  for _, isStaged in ipairs(redis.call("SMISMEMBER", keys.staged, unpack(members))) do
    stagedCount = stagedCount + isStaged
  end
end
return { found[1], #members, changed, grown, stagedCount }
