#!lua
--[[
passkeyAdd: lists passkeys. Says so to a swap of the whole list that is under way, for which adding one that is listed
already counts as well: it was wanted just now, whatever the new list says.

KEYS   1 passkeys     set, the whitelist
       2 importing    string, there while a swap is under way
       3 touched      set, passkeys decided about meanwhile
ARGV   1 ...members   at most 1,000 passkeys
REPLY  how many were not listed before
COST   O(members)
]]
--@include lib/noteTouched.lua

local passkeysKey, importingKey, touchedKey = KEYS[1], KEYS[2], KEYS[3]
local members = ARGV

local added = redis.call("SADD", passkeysKey, unpack(members))
noteTouched(importingKey, touchedKey, members)
return added
