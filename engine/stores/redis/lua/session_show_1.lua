#!lua flags=no-writes
-- Read all of a session as of one instant.
-- KEYS  s  m  j  n
-- returns {state, messages, entries, names}
return {
  redis.call('HGET', KEYS[1], 'st'),
  redis.call('LRANGE', KEYS[2], 0, -1),
  redis.call('LRANGE', KEYS[3], 0, -1),
  redis.call('HKEYS', KEYS[4]),
}
