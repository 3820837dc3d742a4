-- What this announce adds to the session's account: uploaded delta, downloaded delta, seconds since the last announce (0 after
-- `stopped`), and since when this baseline counts. Never negative. A new baseline credits nothing. It is set by a first sight,
-- by a delta that no client can have made (contract/possibleDelta.ts), and by counters that began anew: `uploaded` fell, or
-- either did and the client says `started`. Without isPerCounter every counter that fell sets one; with it, `downloaded` may
-- fall by itself, as libtorrent's does after failed pieces, and `uploaded` counts on.
local function trafficDelta(before, uploaded, downloaded, nowSeconds, rules)
  if not before then return 0, 0, 0, nowSeconds end
  local silenceSeconds = math.max(0, nowSeconds - before.lastSeconds)
  local elapsedSeconds = before.role == 0 and 0 or silenceSeconds
  local up, down = uploaded - before.uploaded, downloaded - before.downloaded
  local most = math.min(rules.mostDeltaBytes, rules.mostBytesPerSecond * (silenceSeconds + rules.spareSeconds))
  local isAnew = up < 0 or down < 0 and (rules.isStarted or not rules.isPerCounter)
  if isAnew or up > most or down > most then return 0, 0, elapsedSeconds, nowSeconds end
  return up, math.max(0, down), elapsedSeconds, before.sinceSeconds
end
