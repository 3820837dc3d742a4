-- Redis' own time, so that a fleet has one clock: Unix seconds, a whole number that is as good as random, and Unix ms.
-- An overrideSeconds above 0 stands in for the time, for tests that walk through days.
local function clock(overrideSeconds)
  local time = redis.call("TIME")
  local chance = time[2] * 1000003 -- spreads announces of one millisecond over the whole range
  if overrideSeconds > 0 then return overrideSeconds, chance, overrideSeconds * 1000 end
  return tonumber(time[1]), chance, time[1] * 1000 + math.floor(time[2] / 1000)
end
