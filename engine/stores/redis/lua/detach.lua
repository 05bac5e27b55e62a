#!lua flags=
-- Forget a socket of a session; one that is not noted is nothing.
-- KEYS 1 s.  ARGV 1 `worker conn`.
-- Returns 1.
local noted = redis.call('HGET', KEYS[1], 'cn')
if not noted then
  return 1
end
local kept = {}
for socket in string.gmatch(noted, '[^,]+') do
  if socket ~= ARGV[1] then
    kept[#kept + 1] = socket
  end
end
if #kept == 0 then
  redis.call('HDEL', KEYS[1], 'cn')
else
  redis.call('HSET', KEYS[1], 'cn', table.concat(kept, ','))
end
return 1
