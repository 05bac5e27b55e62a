#!lua flags=allow-oom
-- Remove what is left of a session that has neither state nor journal.
-- KEYS  s  j  n  v  ix  jx  en
-- ARGV  place, member of ix
-- returns the names it was found by; {} when it began again meanwhile
if redis.call('HEXISTS', KEYS[1], 'v') == 1 or redis.call('EXISTS', KEYS[2]) == 1 then
  return {}
end
local names = redis.call('HKEYS', KEYS[3])
redis.call('UNLINK', KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
return names
