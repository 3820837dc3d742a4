import type { Redis } from 'ioredis'
import { ALIASES_KEY } from '../../../src/contract/redisKeys.ts'
import { becomes } from './becomes.ts'

/**
 * Tells the looks of a followed key (src/redis/followKey.ts) from the rest. They come once a second from each tracker, so
 * commands of others, and the beginning of what is counted, may fall in between: each connection is judged by itself.
 */
function createFollowerFilter() {
  const inTransaction = new Set<string>()
  return (source: string, [name, key = '']: readonly string[]): boolean => {
    if (name === 'multi') inTransaction.add(source)
    const isInside = inTransaction.has(source)
    if (name === 'exec') inTransaction.delete(source)
    return isInside || name === 'watch' || (name === 'hscan' && key.endsWith(ALIASES_KEY))
  }
}

/** Counts what a Redis of the test's own is sent, commands that scripts run left out. */
export async function watchCommands(redis: Redis) {
  const spy = await redis.monitor()
  const received: string[] = []
  const isFollower = createFollowerFilter()
  spy.on('monitor', (_time: string, [name = '', ...args]: string[], source: string) => {
    if (source === 'lua') return
    const command = [name.toLowerCase(), ...args.slice(0, 1)]
    if (!isFollower(source, command)) received.push(command.join(' '))
  })
  return {
    /** Names of the commands sent while `during` ran, in lowercase. */
    async during(during: () => Promise<unknown>): Promise<string[]> {
      await redis.echo('begin')
      await during()
      await redis.echo('end')
      await becomes(() => received.at(-1), 'echo end')
      const commands = received.slice(received.lastIndexOf('echo begin') + 1, -1)
      return commands.map((each) => each.split(' ')[0]!)
    },
    close: () => spy.disconnect(),
  }
}
