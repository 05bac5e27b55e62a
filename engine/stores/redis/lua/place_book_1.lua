#!lua flags=
-- Take a place for a booking.
-- KEYS  bk (bookings by place)  bt (bookings by instant)  bx (workspaces by oldest booking)
-- ARGV  now ("" = the server's), booking, first and end of the place's bookings, capacity, workspace
-- returns 1 taken (or it was already); 0 full
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then
  return 1
end
if redis.call('ZLEXCOUNT', KEYS[1], '[' .. ARGV[3], '(' .. ARGV[4]) >= tonumber(ARGV[5]) then
  return 0
end
redis.call('ZADD', KEYS[1], 0, ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[2])
redis.call('ZADD', KEYS[3], 'LT', now, ARGV[6])
return 1
