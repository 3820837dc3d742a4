#!lua flags=allow-oom
--[[
passkeyImportEnd: a swap of the whole list gives up: its keys go, the list stays as it is. Frees memory, so a full Redis
runs it too.

KEYS   1 importing   string, the lock: token of the swap under way
       2 staged      set, the new list
       3 before      set, the list as last seen
       4 touched     set, passkeys decided about meanwhile
ARGV   1 token       of this swap
REPLY  1, or 0 when another one has the lock: then nothing is done
COST   O(1); memory is freed in the background
]]
local importingKey, stagedKey, beforeKey, touchedKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token = ARGV[1]

if redis.call("GET", importingKey) ~= token then return 0 end
redis.call("UNLINK", importingKey, stagedKey, beforeKey, touchedKey)
return 1
