#!lua flags=
-- Take or prolong a named lease.
-- KEYS  lease (hash)
-- ARGV  now ("" = the server's), worker, length in ms
-- returns 1 it is the worker's; 0 another's has not ended
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local found = redis.call('HMGET', KEYS[1], 'w', 'u')
if found[1] and found[1] ~= ARGV[2] and tonumber(found[2]) > now then
  return 0
end
redis.call('HSET', KEYS[1], 'w', ARGV[2], 'u', string.format('%.0f', now + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]) + 60000)
return 1
