-- Stores what readSession reads and renews the life of the hash.
local function writeSession(sessionKey, peerId, session, ttlSeconds)
  redis.call("HSET", sessionKey, peerId, struct.pack(">I8I8I4I4I4I4Bc24",
    session.uploaded, session.downloaded, session.last, session.since, session.ipv4Seconds, session.ipv6Seconds,
    session.role, session.endpoints))
  redis.call("EXPIRE", sessionKey, string.format("%d", ttlSeconds))
end
