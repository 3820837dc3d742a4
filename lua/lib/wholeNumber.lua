-- The text as a whole number of at least 0. Raises, naming the argument, for anything else.
local function wholeNumber(name, text)
  local number = tonumber(text)
  if not number or number < 0 or number % 1 ~= 0 then
    error({ err = "ERR " .. name .. " is not a whole number" })
  end
  return number
end
