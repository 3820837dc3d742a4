#!lua flags=allow-oom
--[[
sweep: drops silent peers of one swarm, a bounded number a call, and says when to come again. Peers whose time lies ahead
(the clock was set back) count as of now.
It frees memory, so a full Redis runs it too.

KEYS   1 seeders        zset, member = packed peer, score = last announce (Unix s)
       2 leechers       zset, same shape
       3 swarms         zset, infohash, score = when its oldest peer may expire (Unix s)
       4 stats          hash, seeders and leechers of the fleet
ARGV   1 nowSeconds     0: the server's clock; else Unix seconds, for tests
       2 peerLifetimeSeconds  a peer silent for longer is dropped
       3 limit          at most this many of each role
       4 infohash       40 hex
REPLY  { seeders dropped, leechers dropped, 1 when there is more to do else 0 }
COST   O(log N + limit) for N peers
]]
--@include lib/wholeNumber.lua
--@include lib/clock.lua
--@include lib/liveCount.lua
--@include lib/requireCounter.lua
--@include lib/dropSilent.lua
--@include lib/pullFromFuture.lua

local seedersKey, leechersKey, swarmsKey, statsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nowSeconds = clock(wholeNumber("nowSeconds", ARGV[1]))
local peerLifetimeSeconds, limit = wholeNumber("peerLifetimeSeconds", ARGV[2]), wholeNumber("limit", ARGV[3])
local infohash = ARGV[4]

local _, silentSeeders = liveCount(seedersKey, nowSeconds - peerLifetimeSeconds)
local _, silentLeechers = liveCount(leechersKey, nowSeconds - peerLifetimeSeconds)
requireCounter(statsKey, "seeders")
requireCounter(statsKey, "leechers")
redis.call("ZSCORE", swarmsKey, infohash)

local pulled = math.max(pullFromFuture(seedersKey, nowSeconds, limit), pullFromFuture(leechersKey, nowSeconds, limit))
local seedersDropped = dropSilent(seedersKey, silentSeeders, limit)
local leechersDropped = dropSilent(leechersKey, silentLeechers, limit)
if seedersDropped > 0 then redis.call("HINCRBY", statsKey, "seeders", -seedersDropped) end
if leechersDropped > 0 then redis.call("HINCRBY", statsKey, "leechers", -leechersDropped) end

local oldest
for _, roleKey in ipairs({ seedersKey, leechersKey }) do
  local score = tonumber(redis.call("ZRANGE", roleKey, 0, 0, "WITHSCORES")[2])
  if score and (not oldest or score < oldest) then oldest = score end
end
if oldest then
  redis.call("ZADD", swarmsKey, oldest + peerLifetimeSeconds + 1, infohash)
else
  redis.call("ZREM", swarmsKey, infohash)
end
local isMoreLeft = pulled == limit or silentSeeders > seedersDropped or silentLeechers > leechersDropped
return { seedersDropped, leechersDropped, isMoreLeft and 1 or 0 }
