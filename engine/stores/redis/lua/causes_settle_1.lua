#!lua flags=
-- Forget causes and keep the deliveries that came of them.
-- KEYS  oq  out  rt  rj  rv
-- ARGV  count of ids, most pending deliveries, work channel, what it is told, ids, then of each delivery: cause, id, due,
--       member of rv, record
-- returns the ids of the deliveries that are kept now; 0 too many are pending, nothing is done
local last = 4 + tonumber(ARGV[1])
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[2]) then
  return 0
end
local kept = {}
for place = last + 1, #ARGV, 5 do
  local id = ARGV[place + 1]
  if redis.call('HEXISTS', KEYS[2], ARGV[place]) == 1 and redis.call('HEXISTS', KEYS[4], id) == 0 then
    redis.call('HSET', KEYS[4], id, ARGV[place + 4])
    redis.call('ZADD', KEYS[3], ARGV[place + 2], id)
    redis.call('ZADD', KEYS[5], 0, ARGV[place + 3])
    kept[#kept + 1] = id
  end
end
for place = 5, last do
  redis.call('HDEL', KEYS[2], ARGV[place])
  redis.call('ZREM', KEYS[1], ARGV[place])
end
if #kept > 0 then
  redis.call('SPUBLISH', ARGV[3], ARGV[4])
end
return kept
