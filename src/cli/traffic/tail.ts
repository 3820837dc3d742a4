import { once } from 'node:events'
import { followTraffic, trafficLine, trafficObject } from '../../site/traffic/tail.ts'
import { type TrafficPlace, withTraffic } from './options.ts'

export interface TailOptions {
  readonly lines: number
  readonly passkeys: boolean
  readonly json: boolean
  readonly follow: boolean
}

/** `redswarm traffic tail`: one line an entry, until SIGINT or until nobody reads any more. */
export async function tailTraffic(place: TrafficPlace, options: TailOptions): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stop.abort() // `| head` has read enough
  })
  await withTraffic(place, async (redis, { traffic }) => {
    const { signal } = stop
    for await (const entry of followTraffic(redis, traffic, {
      last: options.lines,
      signal,
      follow: options.follow,
    })) {
      const isMasked = !options.passkeys
      const line = options.json
        ? JSON.stringify(trafficObject(entry, isMasked))
        : trafficLine(entry, isMasked)
      if (!process.stdout.write(`${line}\n`))
        await once(process.stdout, 'drain', { signal }).catch(() => undefined)
    }
  })
}
