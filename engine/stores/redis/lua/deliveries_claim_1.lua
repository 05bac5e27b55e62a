#!lua flags=
-- Claim pending deliveries that are due, earliest first.
-- KEYS  rt  rj
-- ARGV  now ("" = the server's), most of them (at most 128), lease
-- returns {now, next due instant or "", records...}
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
local answer = {now, ''}
for place = 1, #ids do
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ids[place])
  answer[place + 2] = redis.call('HGET', KEYS[2], ids[place])
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
  answer[2] = first[2]
end
return answer
