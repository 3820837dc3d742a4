#!lua flags=allow-oom
--[[
passkeyRemove: takes passkeys off the list and forgets that the site's verify endpoint said yes to them, and says so to a
swap of the whole list that is under way: removing one that is not listed counts as well, the new list may have it. Runs
on a full Redis, since somebody must always be able to be locked out.

KEYS   1 passkeys     set, the whitelist
       2 importing    string, there while a swap is under way
       3 touched      set, passkeys decided about meanwhile
       4 ...accepted  strings, the site said yes to these passkeys lately
ARGV   1 ...members   at most 1,000 passkeys
REPLY  how many were listed before
COST   O(members)
]]
--@include lib/noteTouched.lua

local passkeysKey, importingKey, touchedKey = KEYS[1], KEYS[2], KEYS[3]
local members = ARGV

local removed = redis.call("SREM", passkeysKey, unpack(members))
redis.call("UNLINK", unpack(KEYS, 4))
noteTouched(importingKey, touchedKey, members)
return removed
