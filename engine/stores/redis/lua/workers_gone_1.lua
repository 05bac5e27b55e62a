#!lua flags=no-writes
-- Read which workers are gone: those that left, and those whose lease has ended.
-- KEYS  wu (workers by the instant their lease ends)  wg (gone ones by instant)
-- ARGV  now ("" = the server's)
-- returns the gone workers
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local gone = redis.call('ZRANGE', KEYS[2], 0, -1)
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for place = 1, math.min(#ended, 128) do
  gone[#gone + 1] = ended[place]
end
return gone
