#!lua
--[[
passkeyStage: puts passkeys into the new list, and keeps the lock of the swap; with no passkeys it does only that.

KEYS   1 importing    string, the lock: token of the swap under way
       2 staged       set, the new list
ARGV   1 token        of this swap
       2 ttlMs        the lock ends by itself after so long without a sign of life
       3 ...members   at most some thousand passkeys
REPLY  how many are new to it, or -1 when the lock is no longer ours: then nothing is done
COST   O(members)
]]
--@include lib/wholeNumber.lua
--@include lib/ownsImport.lua

local importingKey, stagedKey = KEYS[1], KEYS[2]
local token, ttlMs = ARGV[1], wholeNumber("ttlMs", ARGV[2])

if not ownsImport(importingKey, token, ttlMs) then return -1 end
if #ARGV == 2 then return 0 end
return redis.call("SADD", stagedKey, unpack(ARGV, 3))
