-- The 24 endpoint bytes of a peer known by two families, and when each family was last announced. A family that this
-- announce does not carry keeps its endpoint while it was announced since oldestSeconds; a session that stopped keeps none.
local function mergeEndpoints(before, ipv4, ipv6, nowSeconds, oldestSeconds)
  local noIpv4, noIpv6 = "\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
  local ipv4Seconds, ipv6Seconds = nowSeconds, nowSeconds
  local isInSwarm = before and before.role > 0
  if ipv4 == noIpv4 then
    ipv4Seconds = isInSwarm and before.ipv4Seconds or 0
    if ipv4Seconds >= oldestSeconds then ipv4 = string.sub(before.endpoints, 1, 6) else ipv4Seconds = 0 end
  end
  if ipv6 == noIpv6 then
    ipv6Seconds = isInSwarm and before.ipv6Seconds or 0
    if ipv6Seconds >= oldestSeconds then ipv6 = string.sub(before.endpoints, 7, 24) else ipv6Seconds = 0 end
  end
  return ipv4 .. ipv6, ipv4Seconds, ipv6Seconds
end
