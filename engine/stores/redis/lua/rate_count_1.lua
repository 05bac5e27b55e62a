#!lua flags=
-- Count one call in every window, or in none when one of them is full.
-- KEYS  one hash a window
-- ARGV  now ("" = the server's), then limit and length of each window
-- returns {index of the first full window or -1, then count and end of each}
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local counts, ends, full = {}, {}, -1
for place = 1, #KEYS do
  local length = tonumber(ARGV[2 * place + 1])
  ends[place] = now - now % length + length
  local found = redis.call('HMGET', KEYS[place], 'w', 'n')
  counts[place] = 0
  if tonumber(found[1]) == ends[place] then
    counts[place] = tonumber(found[2])
  end
  if full < 0 and counts[place] >= tonumber(ARGV[2 * place]) then
    full = place - 1
  end
end
local answer = {full}
for place = 1, #KEYS do
  if full < 0 then
    counts[place] = counts[place] + 1
    redis.call('HSET', KEYS[place], 'w', string.format('%.0f', ends[place]), 'n', counts[place])
    redis.call('PEXPIRE', KEYS[place], ends[place] - now + 60000)
  end
  answer[2 * place] = counts[place]
  answer[2 * place + 1] = ends[place]
end
return answer
