#!lua flags=allow-oom
-- Give a lease back.
-- KEYS  lease (hash)
-- ARGV  worker
-- returns 1 given back; 0 another has it, or nobody
if redis.call('HGET', KEYS[1], 'w') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
