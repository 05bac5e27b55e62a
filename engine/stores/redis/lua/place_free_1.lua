#!lua flags=allow-oom
-- Give a place back.
-- KEYS  bk (bookings by place)  bt (bookings by instant)
-- ARGV  booking
-- returns 1 given back; 0 this booking did not have it
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
