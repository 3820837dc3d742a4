-- What this announce adds to the session's account: uploaded delta, downloaded delta, seconds since the last announce,
-- and since when this baseline counts. Never negative. A first sight or a counter that went backwards sets a new baseline;
-- isPerCounter lets the other counter keep its growth.
local function trafficDelta(before, uploaded, downloaded, nowSeconds, isPerCounter)
  if not before then return 0, 0, 0, nowSeconds end
  local elapsed = math.max(0, nowSeconds - before.last)
  local up, down = uploaded - before.uploaded, downloaded - before.downloaded
  if up >= 0 and down >= 0 then return up, down, elapsed, before.since end
  if not isPerCounter then return 0, 0, elapsed, nowSeconds end
  return math.max(0, up), math.max(0, down), elapsed, nowSeconds
end
