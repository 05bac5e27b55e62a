#!lua flags=allow-oom
-- Begin a workspace's feed anew, under another epoch; its numbers go on.
-- KEYS  feed  fe  fi
-- ARGV  now ("" = the server's), feed channel, what it is told before the offset
-- returns 1
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local about = redis.call('HMGET', KEYS[2], 'e', 'o')
if not about[1] then
  return 1
end
redis.call('UNLINK', KEYS[1], KEYS[3])
redis.call('HSET', KEYS[2], 'e', string.format('%.0f', math.max(now, tonumber(about[1]) + 1)))
redis.call('SPUBLISH', ARGV[2], ARGV[3] .. (about[2] or '0'))
return 1
