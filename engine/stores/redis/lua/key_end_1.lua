#!lua flags=allow-oom
-- End the run of an Idempotency-Key: keep its answer, or let it go unused.
-- KEYS  id (its answer or lock)  il (locks of the partition by the instant they end)
-- ARGV  now ("" = the server's), digest of the body, member of il, ms the answer is kept,
--       then status and response, unless the key is let go
-- returns 1
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local found = redis.call('HMGET', KEYS[1], 'u', 'h', 's')
local answered = found[3] and tonumber(found[1]) > now
if found[1] and not found[3] and found[2] == ARGV[2] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3])
end
if #ARGV < 6 or answered then
  return 1
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
local ends = string.format('%.0f', now + tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], 'u', ends, 'h', ARGV[2], 's', ARGV[5], 'r', ARGV[6])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[4]) + 60000)
return 1
