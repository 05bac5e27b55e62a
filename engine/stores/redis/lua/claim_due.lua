#!lua flags=
-- Claim sessions whose wake-up is due: each falls due again when its lease ends (STORES.md 5.2).
-- KEYS 1 tm, 2 tc.  ARGV 1 now or '' for the server's time, 2 how many at most (128), 3 lease in ms.
-- Returns {now, the next instant or '', then place and instant it was due of each}.
local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end
local reply = {string.format('%.0f', now), ''}
local claimed = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
for i = 1, #claimed, 2 do
  local place = claimed[i]
  local due = redis.call('HGET', KEYS[2], place)
  if not due then
    due = claimed[i + 1]
    redis.call('HSET', KEYS[2], place, due)
  end
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), place)
  reply[#reply + 1] = place
  reply[#reply + 1] = due
end
reply[2] = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ''
return reply
