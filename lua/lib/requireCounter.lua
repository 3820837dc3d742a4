-- The counter's value. Raises when the field could not be incremented, so that the failure comes before the first write.
local function requireCounter(hashKey, field)
  local text = redis.call("HGET", hashKey, field)
  if not text then return 0 end
  local number = tonumber(text)
  if not number or number % 1 ~= 0 then error({ err = "ERR " .. hashKey .. " " .. field .. " is not an integer" }) end
  return number
end
