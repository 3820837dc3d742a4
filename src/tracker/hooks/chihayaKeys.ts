/** Keys of the Chihaya fork's hooks that have no effect here, and what does their work. */
export const UNUSED_KEYS = {
  redis_read_timeout: 'store_timeout of the storage bounds the one call that does everything',
  redis_write_timeout: 'store_timeout of the storage bounds the one call that does everything',
  redis_connect_timeout: 'redis_connect_timeout of the storage counts',
}
