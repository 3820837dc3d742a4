-- Redis' own time, so that a fleet has one clock: Unix seconds and microseconds.
-- An overrideSeconds above 0 stands in for the seconds, for tests that walk through days.
local function clock(overrideSeconds)
  local time = redis.call("TIME")
  local seconds = overrideSeconds > 0 and overrideSeconds or tonumber(time[1])
  return seconds, tonumber(time[2])
end
