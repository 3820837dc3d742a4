-- Whether a session that is in the swarm announced every family of this announce less than earlySeconds ago. A family
-- that is new to it, or a client that comes back after `stopped`, is never early; nor is one whose last announce is in
-- the future, since the clock was set back. No zeros: the family is announced.
local function isEarly(before, ipv4, ipv6, nowSeconds, earlySeconds)
  if not before or before.role == 0 then return false end
  local function isRecent(seconds)
    return seconds > nowSeconds - earlySeconds and seconds <= nowSeconds
  end
  if ipv4 ~= string.rep("\0", 6) and not isRecent(before.ipv4Seconds) then return false end
  return ipv6 == string.rep("\0", 18) or isRecent(before.ipv6Seconds)
end
