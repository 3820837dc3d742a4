-- Stores what readSession reads. The hash lives for ttlSeconds after its last announce and up to an hour longer: its life is
-- renewed by the first announce of a session in each hour (previousSeconds: that session's announce before, 0 for none).
local function writeSession(sessionKey, peerId, session, ttlSeconds, previousSeconds)
  redis.call("HSET", sessionKey, peerId, struct.pack(">I8I8I4I4I4I4Bc24",
    session.uploaded, session.downloaded, session.lastSeconds, session.sinceSeconds, session.ipv4Seconds, session.ipv6Seconds,
    session.role, session.endpoints))
  local hour = 3600
  if math.floor(session.lastSeconds / hour) ~= math.floor(previousSeconds / hour) then
    redis.call("EXPIRE", sessionKey, string.format("%d", ttlSeconds + hour))
  end
end
