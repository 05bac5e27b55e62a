#!lua flags=allow-oom
-- Remove the oldest entries of a journal.
-- KEYS  s  j  jx
-- ARGV  place, last instant that is over
-- returns {entries removed (at most 128), 1 = neither journal nor session is left or 0}
local entries = redis.call('LRANGE', KEYS[2], 0, 127)
local count = 0
for place = 1, #entries do
  local _, at = struct.unpack('>I4I8', entries[place])
  if at > tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[3], string.format('%.0f', at), ARGV[1])
    break
  end
  count = place
end
redis.call('LTRIM', KEYS[2], count, -1)
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {count, 0}
end
redis.call('ZREM', KEYS[3], ARGV[1])
return {count, 1 - redis.call('HEXISTS', KEYS[1], 'v')}
