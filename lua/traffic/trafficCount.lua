#!lua flags=no-writes
--[[
trafficCount: how many entries lie in a part of the stream, some at a time: Redis keeps no such number.

KEYS   1 traffic   stream
ARGV   1 fromId    as XRANGE takes it; "(" before it leaves it out
       2 toId
       3 limit     looks at so many at most
REPLY  { entries seen, last ID seen or "" }
COST   O(limit)
]]
local trafficKey = KEYS[1]
local entries = redis.call("XRANGE", trafficKey, ARGV[1], ARGV[2], "COUNT", ARGV[3])
return { #entries, #entries > 0 and entries[#entries][1] or "" }
