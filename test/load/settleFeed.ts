import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import type { TrafficEntry } from '../../src/contract/trafficEvent.ts'
import { Announces } from './settleEntries.ts'

/**
 * A process that appends what sessions announce to the traffic stream, as many a second as it is told or as it can, and in
 * the end says how many entries and bytes those were. Started by settleStream.ts.
 */
const { values } = parseArgs({
  options: {
    redis: { type: 'string' },
    sessions: { type: 'string' },
    users: { type: 'string' },
    moving: { type: 'string' },
    entries: { type: 'string' },
    rate: { type: 'string' },
    /** Takes the place of the passkeys' first character, so that another feed has other users. */
    mark: { type: 'string' },
  },
})
const AT_ONCE = 500
const total = Number(values.entries)
const perSecond = Number(values.rate)
const announces = new Announces({
  sessions: Number(values.sessions),
  users: Number(values.users),
  movingPercent: Number(values.moving),
})
const redis = new Redis(values.redis!, { protocol: 2 })
let moved = 0n
const begin = performance.now()
for (let done = 0; done < total; done += AT_ONCE) {
  const pipeline = redis.pipeline()
  for (const entry of announces.take(Math.min(AT_ONCE, total - done))) {
    moved += BigInt(entry.event.uploadedDeltaBytes)
    pipeline.xadd('tracker:traffic', '*', ...fieldsOf(entry))
  }
  await pipeline.exec()
  const early = perSecond > 0 ? (done * 1000) / perSecond - (performance.now() - begin) : 0
  if (early > 1) await delay(early)
}
redis.disconnect()
process.stdout.write(`${JSON.stringify({ entries: total, moved: String(moved) })}\n`)

function fieldsOf({ event }: TrafficEntry): (string | number)[] {
  const { totals } = event
  return [
    ...[
      'passkey',
      values.mark + event.passkey.slice(1),
      'infohash',
      event.infohash,
      'peer_id',
      event.peerId,
      'port',
      event.port,
    ],
    ...[
      'ip',
      event.ip,
      'af',
      event.addressFamily,
      'du',
      event.uploadedDeltaBytes,
      'dd',
      event.downloadedDeltaBytes,
    ],
    ...['left', event.leftBytes, 'event', event.event, 'ts', event.atSeconds, 'dt', event.elapsedSeconds],
    ...['interval', event.intervalSeconds, 'min_interval', event.minIntervalSeconds],
    ...['up', totals!.uploadedBytes, 'down', totals!.downloadedBytes, 'since', totals!.sinceSeconds],
    ...['seeders', event.seeders!, 'leechers', event.leechers!, 'agent', event.agent!],
  ]
}
