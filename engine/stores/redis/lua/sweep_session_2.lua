#!lua flags=allow-oom
-- Remove an ended session; its journal stays, and the names that the journal is found by.
-- KEYS  s  m  j  n  en
-- ARGV  place, last instant that is over, id of the session, ms that an archived journal stays or ''
-- returns 1 removed; 2 removed, and no journal is left; 0 it went on meanwhile
local closed = redis.call('ZSCORE', KEYS[5], ARGV[1])
if not closed or tonumber(closed) > tonumber(ARGV[2]) then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HDEL', KEYS[4], ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[1])
if ARGV[4] ~= '' then
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 1
end
return 2
