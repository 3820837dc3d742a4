import type { Redis } from 'ioredis'
import { becomes } from './becomes.ts'

/** The look of a followed key (src/redis/followKey.ts), once a second, in the order in which MONITOR shows it. */
const FOLLOWER = ['multi', 'ping', 'exec', 'watch']

function withoutFollower(commands: readonly string[]): string[] {
  const others: string[] = []
  for (let at = 0; at < commands.length; at++) {
    if (FOLLOWER.every((name, next) => commands[at + next] === name)) at += FOLLOWER.length - 1
    else others.push(commands[at]!)
  }
  return others
}

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
      return withoutFollower(commands.map((each) => each.split(' ')[0]!.toLowerCase()))
    },
    close: () => spy.disconnect(),
  }
}
