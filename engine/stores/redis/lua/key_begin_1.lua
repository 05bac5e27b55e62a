#!lua flags=
-- Claim an Idempotency-Key for one run.
-- KEYS  id (its answer or lock)  il (locks of the partition by the instant they end)
-- ARGV  now ("" = the server's), attempt, digest of the body, lock in ms, most locks, member of il
-- returns {0} begun; {1} in progress; {2, status, response} answered before; {3} another body;
--         {4} too many locks
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local found = redis.call('HMGET', KEYS[1], 'u', 'h', 'op', 's', 'r')
if found[1] and tonumber(found[1]) > now then
  if found[3] == ARGV[2] then
    return {0}
  end
  if found[2] ~= ARGV[3] then
    return {3}
  end
  if found[4] then
    return {2, tonumber(found[4]), found[5]}
  end
  return {1}
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREM', KEYS[2], ARGV[6])
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then
  return {4}
end
local ends = now + tonumber(ARGV[4])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'u', string.format('%.0f', ends), 'h', ARGV[3], 'op', ARGV[2])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[4]) + 60000)
redis.call('ZADD', KEYS[2], ends, ARGV[6])
return {0}
