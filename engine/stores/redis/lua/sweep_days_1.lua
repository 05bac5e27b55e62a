#!lua flags=allow-oom
-- Move on the first day whose counters are shown.
-- KEYS  cf
-- ARGV  day
-- returns 1
local day = redis.call('GET', KEYS[1])
if not day or day < ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
