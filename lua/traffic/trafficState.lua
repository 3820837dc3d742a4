#!lua flags=no-writes
--[[
trafficState: where the stream and its groups stand, all at one moment, so that a low watermark drawn from it holds.

KEYS   1 traffic       stream
       2 deadLetters   stream
       3 failed        stream
ARGV   1 group         only this one; empty: all
REPLY  { Redis epoch, now (Unix ms), used memory, maxmemory (0: no limit), dead letters, given up (-1: not a stream),
       entries, oldest ID, newest ID ever, entries ever added,
       then for each group { name, pending, oldest pending ID or "", last delivered ID, entries read or -1, consumers } }
COST   O(groups)
]]
--@include lib/redisEpoch.lua
--@include lib/namedReply.lua
--@include lib/groupsOf.lua

local trafficKey, deadLettersKey, failedKey = KEYS[1], KEYS[2], KEYS[3]
local groupName = ARGV[1]

local function lengthOf(key)
  local isStream, length = pcall(redis.call, "XLEN", key)
  return isStream and length or -1
end

local time = redis.call("TIME")
local memory = redis.call("INFO", "memory")
local groups = groupsOf(trafficKey)
local stream = redis.call("EXISTS", trafficKey) == 1 and namedReply(redis.call("XINFO", "STREAM", trafficKey))
  or { length = 0, ["recorded-first-entry-id"] = "0-0", ["last-generated-id"] = "0-0", ["entries-added"] = 0 }

local reply = {
  redisEpoch(),
  time[1] * 1000 + math.floor(time[2] / 1000),
  tonumber(string.match(memory, "\nused_memory:(%d+)")),
  tonumber(string.match(memory, "\nmaxmemory:(%d+)")),
  lengthOf(deadLettersKey),
  lengthOf(failedKey),
  stream.length,
  stream["recorded-first-entry-id"],
  stream["last-generated-id"],
  stream["entries-added"],
}
for _, group in ipairs(groups) do
  if groupName == "" or group.name == groupName then
    local pending = redis.call("XPENDING", trafficKey, group.name)
    reply[#reply + 1] = { group.name, pending[1], pending[2] or "", group["last-delivered-id"],
      group["entries-read"] or -1, group.consumers }
  end
end
return reply
