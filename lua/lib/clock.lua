-- Redis' own time, so that a fleet has one clock: Unix seconds, and a whole number that is as good as random.
-- An overrideSeconds above 0 stands in for the seconds, for tests that walk through days.
local function clock(overrideSeconds)
  local time = redis.call("TIME")
  local seconds = overrideSeconds > 0 and overrideSeconds or tonumber(time[1])
  return seconds, time[2] * 1000003 -- spreads announces of one millisecond over the whole range
end
