#!lua flags=allow-oom
-- Take a pending delivery out, or set when it is tried again.
-- KEYS  rt  rj  rv
-- ARGV  id, member of rv, due or "" = it is over, record
-- returns 1 done; 0 it is not pending
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[2])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
end
return 1
