import type { Redis } from 'ioredis'

/**
 * Has a connection end, and be made again, when the database it is for cannot be selected. The client by itself would go on in
 * database 0, among the keys of somebody else.
 */
export function stayInDatabase(redis: Redis): void {
  const select = redis.select.bind(redis) as (database: number) => Promise<'OK'>
  Object.assign(redis, {
    select: (database: number) =>
      select(database).catch((error: Error) => {
        redis.disconnect(true)
        throw error
      }),
  })
}
