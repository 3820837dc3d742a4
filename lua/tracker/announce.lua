#!lua
--[[
announce: passkey check, swarm update, traffic delta, traffic event, peer choice. All of it or nothing: whatever can
fail is read and decided first, the event is the first write, and no write after it can fail.

KEYS   1 passkeys    set, the site's whitelist
       2 accepted    string, the site said yes to this passkey lately
       3 rejected    string, the site said no lately
       4 seeders     zset, member = packed peer (44 bytes), score = last announce (Unix s)
       5 leechers    zset, same shape
       6 session     hash, peer_id -> record (lib/readSession.lua), "snatched" -> 1
       7 snatches    hash, infohash -> finished downloads
       8 swarms      zset, infohash, score = when its oldest peer may expire (Unix s)
       9 stats       hash, seeders and leechers of the fleet, trimmed = events lost to maxLen
      10 traffic     stream of traffic events
      11 torrents    set, infohashes the site serves; looked at only when the request says so
ARGV   1 nowSeconds  0: the server's clock; else Unix seconds, for tests
       2 policy      packed: peerLifetimeSeconds 4, accountingTtlSeconds 4, isPerCounter 1, skipsIdle 1, extras 1 (bits),
                     expireLimit 2, maxLen 8, mostDeltaBytes 8, mostBytesPerSecond 8, spareSeconds 2; the same for every
                     announce of a configuration
       3 request     packed: peerId 20, ipv4 6 (address and port; zeros: not announced), ipv6 18, numwant 4,
                     approval 1 (0 not asked for, 1 whitelist, 2 verified, 3 endpoint: no whitelist is kept), isTraffic 1,
                     portAt 1 (0: peers of both families; else where the port of the wanted one is in a packed peer),
                     checksTorrent 1, maxLeeching 2, maxSeeding 2 (sessions of the passkey here; 0: any number),
                     earlySeconds 4 (an announce sooner than this after the last is early; 0: none is)
       4 infohash    40 hex
       5 passkey     empty on an open tracker
       6 peerId      40 hex
       7 ip          text, and so on as the event carries them
       8 af          IPv4 or IPv6
       9 port
      10 event       none, started, completed or stopped
      11 uploaded    the client's totals, at most 2^53 - 1
      12 downloaded
      13 left
      14 intervalSeconds
      15 minIntervalSeconds
      16 agent
      17 deadlineMs  Unix ms by Redis' clock, after which nothing is done; 0: none
      18 ...siteFields  names and values that the site put into the credential; they end the event as they are
REPLY  { 0, seeders, leechers, snatches, packed peers, more packed peers, Redis' time in ms }, with 1 in front and no peers
       when early; or { -7, Redis' time in ms } too late, nothing was done; or
       { -1 } passkey unknown, { -2 } rejected, { -3 } no whitelist, { -4 } torrent not listed, { -5 } no list of torrents,
       { -6 } the passkey has as many sessions in this swarm as it may
COST   O(log N + numwant) for N peers, and at most expireLimit removals a role; with a limit of sessions O(records of the
       hash), at most 1,000, for an announce that joins
]]
--@include lib/wholeNumber.lua
--@include lib/clock.lua
--@include lib/passkeyVerdict.lua
--@include lib/torrentVerdict.lua
--@include lib/liveCount.lua
--@include lib/isLive.lua
--@include lib/requireCounter.lua
--@include lib/readSession.lua
--@include lib/writeSession.lua
--@include lib/isFull.lua
--@include lib/isEarly.lua
--@include lib/trafficDelta.lua
--@include lib/mergeEndpoints.lua
--@include lib/dropSilent.lua
--@include lib/text.lua
--@include lib/keepExtras.lua
--@include lib/appendTraffic.lua
--@include lib/pickPeers.lua

local passkeysKey, acceptedKey, rejectedKey = KEYS[1], KEYS[2], KEYS[3]
local seedersKey, leechersKey, sessionKey = KEYS[4], KEYS[5], KEYS[6]
local snatchesKey, swarmsKey, statsKey, trafficKey, torrentsKey = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local infohash, passkey, peerIdHex, ip, af, port, event = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local uploaded, downloaded, left = ARGV[11], ARGV[12], ARGV[13]
local intervalSeconds, minIntervalSeconds, agent = ARGV[14], ARGV[15], ARGV[16]
local peerLifetimeSeconds, accountingTtlSeconds, isPerCounter, skipsIdle, extras, expireLimit, maxLen, mostDeltaBytes,
  mostBytesPerSecond, spareSeconds =
  struct.unpack(">I4I4BBBI2I8I8I8I2", ARGV[2])
local peerId, ipv4, ipv6, numwant, approval, isTraffic, portAt, checksTorrent, maxLeeching, maxSeeding, earlySeconds =
  struct.unpack(">c20c6c18I4BBBBI2I2I4", ARGV[3])
local GONE, LEECHER, SEEDER = 0, 1, 2
local WHITELIST, ENDPOINT = 1, 3
local roleKeys = { [LEECHER] = leechersKey, [SEEDER] = seedersKey }

local nowSeconds, chance, nowMs = clock(wholeNumber("nowSeconds", ARGV[1]))
local deadlineMs = wholeNumber("deadlineMs", ARGV[17])
if deadlineMs > 0 and nowMs > deadlineMs then return { -7, nowMs } end

if approval == WHITELIST or approval == ENDPOINT then
  local verdict = passkeyVerdict(passkeysKey, acceptedKey, rejectedKey, passkey, approval == WHITELIST)
  if verdict < 0 then return { verdict } end
end
if checksTorrent == 1 then
  local verdict = torrentVerdict(torrentsKey, infohash)
  if verdict < 0 then return { verdict } end
end

-- Read and decide.
local nowText = text(nowSeconds)
local oldestSeconds = nowSeconds - peerLifetimeSeconds
local before = readSession(sessionKey, peerId, nowSeconds - accountingTtlSeconds)
local isFinished = left == "0" or event == "completed"
local role = event == "stopped" and GONE or (isFinished and SEEDER or LEECHER)
local roleBefore = before and before.role or GONE

-- Limits. Who is in the swarm stays in it; what a client finished or leaves with is always taken.
local isAlwaysServed = event == "completed" or event == "stopped"
local maxSessions = role == SEEDER and maxSeeding or maxLeeching
if maxSessions > 0 and not isAlwaysServed then
  local isIn = roleBefore ~= GONE and before.lastSeconds >= oldestSeconds
  if not isIn and isFull(sessionKey, role, maxSessions, oldestSeconds) then return { -6 } end
end
local isTooEarly = earlySeconds > 0 and not isAlwaysServed and isEarly(before, ipv4, ipv6, nowSeconds, earlySeconds)
if isTooEarly then numwant = 0 end

local uploadedDelta, downloadedDelta, elapsedSeconds, sinceSeconds =
  trafficDelta(before, tonumber(uploaded), tonumber(downloaded), nowSeconds, {
    mostDeltaBytes = mostDeltaBytes, mostBytesPerSecond = mostBytesPerSecond, spareSeconds = spareSeconds,
    isPerCounter = isPerCounter == 1, isStarted = event == "started",
  })
local endpoints, ipv4Seconds, ipv6Seconds = mergeEndpoints(before, ipv4, ipv6, nowSeconds, oldestSeconds)
local member = peerId .. endpoints
local memberBefore = before and peerId .. before.endpoints

local live, silent = {}, {}
live[LEECHER], silent[LEECHER] = liveCount(leechersKey, oldestSeconds)
live[SEEDER], silent[SEEDER] = liveCount(seedersKey, oldestSeconds)
local isBorn = role ~= GONE and live[LEECHER] + live[SEEDER] == 0
local isLeaving = roleBefore ~= GONE and (roleBefore ~= role or memberBefore ~= member)
if isLeaving and isLive(roleKeys[roleBefore], memberBefore, oldestSeconds) then
  live[roleBefore] = live[roleBefore] - 1
end
local isJoining = role ~= GONE and not isLive(roleKeys[role], member, oldestSeconds)
if isJoining then live[role] = live[role] + 1 end

local hasSilent = silent[LEECHER] + silent[SEEDER] > 0
local snatches = requireCounter(snatchesKey, infohash)
if isLeaving or isJoining or hasSilent then
  requireCounter(statsKey, "seeders")
  requireCounter(statsKey, "leechers")
end
if maxLen > 0 then requireCounter(statsKey, "trimmed") end
if isBorn then redis.call("ZSCORE", swarmsKey, infohash) end -- raises WRONGTYPE while nothing is written yet

-- Write, the event first.
local isIdle = uploadedDelta == 0 and downloadedDelta == 0 and event == "none"
if isTraffic == 1 and not (skipsIdle == 1 and isIdle) then
  local fields = { "passkey", passkey, "infohash", infohash, "peer_id", peerIdHex, "port", port, "ip", ip,
    "af", af, "du", text(uploadedDelta), "dd", text(downloadedDelta), "left", left, "event", event, "ts", nowText,
    "dt", text(elapsedSeconds), "interval", intervalSeconds, "min_interval", minIntervalSeconds,
    -- 28 values so far: the published fields
    "up", uploaded, "down", downloaded, "since", text(sinceSeconds), "seeders", text(live[SEEDER]),
    "leechers", text(live[LEECHER]), "agent", agent }
  local count = keepExtras(fields, 28, extras)
  for i = 18, #ARGV do
    count = count + 1
    fields[count] = ARGV[i]
  end
  local trimmed = appendTraffic(trafficKey, text(maxLen), unpack(fields, 1, count))
  if trimmed > 0 then redis.call("HINCRBY", statsKey, "trimmed", trimmed) end
end

local change = {}
for _, each in ipairs({ LEECHER, SEEDER }) do
  change[each] = -dropSilent(roleKeys[each], silent[each], expireLimit)
end
if isLeaving then
  change[roleBefore] = change[roleBefore] - redis.call("ZREM", roleKeys[roleBefore], memberBefore)
end
if role ~= GONE then change[role] = change[role] + redis.call("ZADD", roleKeys[role], nowText, member) end
if change[SEEDER] ~= 0 then redis.call("HINCRBY", statsKey, "seeders", change[SEEDER]) end
if change[LEECHER] ~= 0 then redis.call("HINCRBY", statsKey, "leechers", change[LEECHER]) end
if isBorn then redis.call("ZADD", swarmsKey, "NX", text(nowSeconds + peerLifetimeSeconds + 1), infohash) end
-- A snatch, by the rule of docs/ledger.md: nothing is left, something was downloaded, and the session had bytes left at its
-- last announce, or says `completed`.
local hasFinished = isFinished and (roleBefore == LEECHER or event == "completed") and tonumber(downloaded) > 0
if hasFinished and redis.call("HSETNX", sessionKey, "snatched", 1) == 1 then
  snatches = redis.call("HINCRBY", snatchesKey, infohash, 1)
end
writeSession(sessionKey, peerId, {
  uploaded = tonumber(uploaded), downloaded = tonumber(downloaded), lastSeconds = nowSeconds, sinceSeconds = sinceSeconds,
  ipv4Seconds = ipv4Seconds, ipv6Seconds = ipv6Seconds, role = role, endpoints = endpoints,
}, accountingTtlSeconds, before and before.lastSeconds or 0)

-- Choose. Seeders want leechers; leechers want seeders first.
if hasSilent then
  live[LEECHER], silent[LEECHER] = liveCount(leechersKey, oldestSeconds)
  live[SEEDER], silent[SEEDER] = liveCount(seedersKey, oldestSeconds)
end
local peers, others = "", ""
if role == LEECHER then
  peers = pickPeers(seedersKey, numwant, member, live[SEEDER], silent[SEEDER], chance, portAt)
end
if role ~= GONE then
  local wanted = numwant - #peers / #member
  others = pickPeers(leechersKey, wanted, role == LEECHER and member or nil, live[LEECHER], silent[LEECHER], chance, portAt)
end
return { isTooEarly and 1 or 0, live[SEEDER], live[LEECHER], snatches, peers, others, nowMs }
