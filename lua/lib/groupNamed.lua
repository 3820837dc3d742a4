-- The group of that name among those that groupsOf found; nil when there is none.
local function groupNamed(groups, name)
  for _, group in ipairs(groups) do
    if group.name == name then return group end
  end
end
