-- Drops from `fields` the optional pairs after the first `fixed` values whose bit in `extras` is not set; returns how many
-- values are left. All of them being wanted is the usual case.
local function keepExtras(fields, fixed, extras)
  local optional = (#fields - fixed) / 2
  if extras == bit.lshift(1, optional) - 1 then return #fields end
  local kept = fixed
  for i = 0, optional - 1 do
    if bit.band(extras, bit.lshift(1, i)) ~= 0 then
      fields[kept + 1], fields[kept + 2] = fields[fixed + 2 * i + 1], fields[fixed + 2 * i + 2]
      kept = kept + 2
    end
  end
  return kept
end
