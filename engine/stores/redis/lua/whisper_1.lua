#!lua flags=
-- Tell the workers that have sockets of a session something that is kept nowhere.
-- KEYS  s
-- ARGV  prefix of hint channels, what is told, workers that are not told
-- returns how many were told
local noted = redis.call('HGET', KEYS[1], 'cn')
local known, count = {}, 0
for place = 3, #ARGV do
  known[ARGV[place]] = true
end
for worker in string.gmatch(noted or '', '([^ ,]+) [^,]+') do
  if not known[worker] then
    known[worker] = true
    count = count + 1
    redis.call('SPUBLISH', ARGV[1] .. worker, ARGV[2])
  end
end
return count
