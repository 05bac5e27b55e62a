#!lua flags=
-- Note a socket with its session, so that commits with messages hint its worker (STORES.md 9).
-- KEYS 1 s.  ARGV 1 `worker conn`, 2 how many sockets are noted, 3 ms that a session without a commit keeps them.
-- Returns {message epoch or nothing, offset or nothing, how many sockets are noted now}.
local S = redis.call('HMGET', KEYS[1], 'cn', 'e', 'mo', 'v')
local kept = {}
for socket in string.gmatch(S[1] or '', '[^,]+') do
  if socket ~= ARGV[1] then
    kept[#kept + 1] = socket
  end
end
kept[#kept + 1] = ARGV[1]
while #kept > tonumber(ARGV[2]) do
  table.remove(kept, 1)
end
redis.call('HSET', KEYS[1], 'cn', table.concat(kept, ','))
if not S[4] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {S[2], S[3], #kept}
