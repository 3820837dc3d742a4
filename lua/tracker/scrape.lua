#!lua flags=no-writes
--[[
scrape: live peer counts of some swarms. Reads only.

KEYS   1 snatches        hash, infohash -> finished downloads
       2 ...swarms       seeders and leechers of each infohash in turn; zsets, member = packed peer,
                         score = last announce (Unix s)
ARGV   1 nowSeconds      0: the server's clock; else Unix seconds, for tests
       2 peerLifetimeSeconds  a peer silent for longer is not counted
       3 ...infohashes   40 hex each, in the order of the keys
REPLY  seeders, leechers, snatches of each infohash in turn, flat; an unknown swarm gives three zeros
COST   O(log N) for each swarm of N peers
]]
--@include lib/wholeNumber.lua
--@include lib/clock.lua
--@include lib/liveCount.lua

local snatchesKey = KEYS[1]
local nowSeconds = clock(wholeNumber("nowSeconds", ARGV[1]))
local oldestSeconds = nowSeconds - wholeNumber("peerLifetimeSeconds", ARGV[2])
local swarmCount = #ARGV - 2

local counts = {}
for i = 1, swarmCount do
  local seedersKey, leechersKey, infohash = KEYS[2 * i], KEYS[2 * i + 1], ARGV[i + 2]
  counts[3 * i - 2] = (liveCount(seedersKey, oldestSeconds))
  counts[3 * i - 1] = (liveCount(leechersKey, oldestSeconds))
  counts[3 * i] = tonumber(redis.call("HGET", snatchesKey, infohash) or "0")
end
return counts
