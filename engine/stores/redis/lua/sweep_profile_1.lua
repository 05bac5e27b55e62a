#!lua flags=allow-oom
-- Remove a profile that nobody wrote for long.
-- KEYS  u  ux
-- ARGV  visitor (tail), last instant that is over
-- returns 1 removed; 0 it was written meanwhile
local at = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not at or tonumber(at) > tonumber(ARGV[2]) then
  return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
