#!lua
--[[
probe: whether an announce could be carried out now. Writes nothing. Its first line claims no flags, so Redis refuses it
wherever it refuses writes: on a replica, with too few replicas, when it cannot save, when memory is full, in a cluster.

KEYS   1 passkeys    the keys of announce.lua, in its order, of an infohash that no torrent has
       2 accepted
       3 rejected
       4 seeders
       5 leechers
       6 session
       7 snatches
       8 swarms
       9 stats
      10 traffic
      11 torrents
ARGV   1 checksPasskeys  1: announces look at the passkey lists
       2 checksTorrents  1: announces look at the list of torrents
       3 isTraffic       1: announces append to the stream
REPLY  a text for each command of an announce that this user of Redis may not run: "XADD on tracker:traffic"
       Raises WRONGTYPE when one of the fleet's own keys holds another type.
COST   O(1)
]]

local passkeysKey, acceptedKey, rejectedKey = KEYS[1], KEYS[2], KEYS[3]
local seedersKey, leechersKey, sessionKey = KEYS[4], KEYS[5], KEYS[6]
local snatchesKey, swarmsKey, statsKey, trafficKey, torrentsKey = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local checksPasskeys, checksTorrents, isTraffic = ARGV[1] == "1", ARGV[2] == "1", ARGV[3] == "1"

local missing = {}
local function need(command, key, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...) then
    missing[#missing + 1] = command .. " on " .. key
    return false
  end
  return true
end

-- Commands of which a read shows whether the key has the right type.
local function needType(command, key, ...)
  if need(command, key, ...) then redis.call(command, key, ...) end
end

if checksPasskeys then
  needType("SISMEMBER", passkeysKey, "")
  need("EXISTS", passkeysKey)
  need("EXISTS", acceptedKey)
  need("EXISTS", rejectedKey)
end
if checksTorrents then
  needType("SISMEMBER", torrentsKey, "")
  need("EXISTS", torrentsKey)
end
for _, key in ipairs({ seedersKey, leechersKey }) do
  need("ZCARD", key)
  need("ZCOUNT", key, "0", "1")
  need("ZSCORE", key, "x")
  need("ZRANGE", key, "0", "0")
  need("ZADD", key, "1", "x")
  need("ZREM", key, "x")
  need("ZREMRANGEBYRANK", key, "0", "0")
end
need("HGET", sessionKey, "x")
need("HSET", sessionKey, "x", "1")
need("HSETNX", sessionKey, "x", "1")
need("EXPIRE", sessionKey, "1")
needType("ZSCORE", swarmsKey, "x")
need("ZADD", swarmsKey, "1", "x")
for _, key in ipairs({ snatchesKey, statsKey }) do
  needType("HGET", key, "x")
  need("HINCRBY", key, "x", "1")
end
if isTraffic then
  need("XADD", trafficKey, "*", "x", "1")
  needType("XLEN", trafficKey)
end
return missing
