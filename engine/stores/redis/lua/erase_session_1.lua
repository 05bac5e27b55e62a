#!lua flags=allow-oom
-- Remove all that is kept of a session, and let the workers that have sockets of it know.
-- KEYS  s  m  j  n  v  ix  tm  tc  en  jx
-- ARGV  place, member of ix, prefix of hint channels, what is told
-- returns 1
local noted = redis.call('HGET', KEYS[1], 'cn')
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[6], ARGV[2])
redis.call('ZREM', KEYS[7], ARGV[1])
redis.call('HDEL', KEYS[8], ARGV[1])
redis.call('ZREM', KEYS[9], ARGV[1])
redis.call('ZREM', KEYS[10], ARGV[1])
redis.call('UNLINK', KEYS[4])
redis.call('ZREM', KEYS[5], ARGV[1])
local told = {}
for worker in string.gmatch(noted or '', '([^ ,]+) [^,]+') do
  if not told[worker] then
    told[worker] = true
    redis.call('SPUBLISH', ARGV[3] .. worker, ARGV[4])
  end
end
return 1
