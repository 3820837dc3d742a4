import type { Redis } from 'ioredis'
import { becomes } from './becomes.ts'

/** Counts what a Redis of the test's own is sent, commands that scripts run left out. */
export async function watchCommands(redis: Redis) {
  const spy = await redis.monitor()
  const received: string[] = []
  spy.on('monitor', (_time: string, command: string[], source: string) => {
    if (source !== 'lua') received.push(command.slice(0, 2).join(' '))
  })
  return {
    /** Names of the commands sent while `during` ran, in lowercase. */
    async during(during: () => Promise<unknown>): Promise<string[]> {
      await redis.echo('begin')
      await during()
      await redis.echo('end')
      await becomes(() => received.at(-1), 'echo end')
      const commands = received.slice(received.lastIndexOf('echo begin') + 1, -1)
      return commands.map((each) => each.split(' ')[0]!.toLowerCase())
    },
    close: () => spy.disconnect(),
  }
}
