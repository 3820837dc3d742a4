import type { Redis } from 'ioredis'

/**
 * Has a connection end, and be made again, when the database it is for cannot be selected. The client by itself would go on in
 * database 0, among the keys of somebody else.
 */
export function stayInDatabase(redis: Redis): void {
  const select = redis.select.bind(redis) as (database: number) => Promise<'OK'>
  let refusal: Error | undefined
  Object.assign(redis, {
    select: async (database: number) => {
      try {
        const ok = await select(database)
        refusal = undefined
        return ok
      } catch (error) {
        if ((error as Error).name === 'ReplyError') {
          refusal = error as Error
          redis.disconnect(true)
        }
        throw refusal ?? error // the attempts between say only that there is no connection
      }
    },
  })
}
