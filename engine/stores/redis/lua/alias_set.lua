#!lua flags=
-- Let an alias stand for a session, unless somebody else changed it first; or take back what was written.
-- KEYS 1 al.  ARGV 1 record that was read or '', 2 new record or '' for none, 3 ms that the record is kept.
-- Returns the record that stands now.
local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then
  return found
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return ARGV[2]
