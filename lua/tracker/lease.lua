#!lua flags=allow-oom
--[[
lease: takes, renews or gives back a lease. A full Redis runs it too: what it leases is the sweep, which frees memory.

KEYS   1 lease     string, the holder's token
ARGV   1 owner     token of the caller
       2 leaseMs   how long it is to hold from now on; 0 gives it back
REPLY  1 when the caller holds it now, else 0
COST   O(1)
]]
--@include lib/wholeNumber.lua

local leaseKey, owner = KEYS[1], ARGV[1]
local leaseMs = wholeNumber("leaseMs", ARGV[2])
local holder = redis.call("GET", leaseKey)

if holder and holder ~= owner then return 0 end
if leaseMs > 0 then
  redis.call("SET", leaseKey, owner, "PX", leaseMs)
  return 1
end
redis.call("DEL", leaseKey)
return 0
