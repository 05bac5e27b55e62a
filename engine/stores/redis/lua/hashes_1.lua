#!lua flags=no-writes
-- Read whole hashes.
-- KEYS  hashes
-- returns for each of them an array of fields and values
local found = {}
for place = 1, #KEYS do
  found[place] = redis.call('HGETALL', KEYS[place])
end
return found
