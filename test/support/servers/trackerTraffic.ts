import { Redis } from 'ioredis'
import { TRAFFIC_KEY } from '../../../src/contract/redisKeys.ts'

/** One entry of the traffic stream as the site reads it. */
export type TrafficEntry = Readonly<Record<string, string>>

export interface TrafficReader {
  /** All entries so far. */
  entries(): Promise<TrafficEntry[]>
  /** The first entry, past or to come, for which the condition holds. Rejects after `timeoutMs`. */
  waitFor(what: string, isIt: (entry: TrafficEntry) => boolean, timeoutMs: number): Promise<TrafficEntry>
  close(): void
}

export function readTraffic(redisUrl: string): TrafficReader {
  const redis = new Redis(redisUrl)
  return {
    async entries() {
      return (await redis.xrange(TRAFFIC_KEY, '-', '+')).map(([, fields]) => entryOf(fields))
    },
    async waitFor(what, isIt, timeoutMs) {
      let lastId = '0'
      for (const deadline = Date.now() + timeoutMs; ; ) {
        const remainingMs = deadline - Date.now()
        if (remainingMs <= 0) throw new Error(`${what}: not within ${timeoutMs} ms`)
        const reply = await redis.xread('BLOCK', remainingMs, 'STREAMS', TRAFFIC_KEY, lastId)
        for (const [id, fields] of reply?.[0]?.[1] ?? []) {
          const entry = entryOf(fields)
          if (isIt(entry)) return entry
          lastId = id
        }
      }
    },
    close: () => redis.disconnect(),
  }
}

/** What the stream says of one session. */
export interface SessionSums {
  readonly agent: string
  readonly events: string[]
  /** Sums of `du` and `dd`: what the site credits. */
  uploadedBytes: number
  downloadedBytes: number
  /** The client's own totals in its last announce. */
  totals: { uploadedBytes: number; downloadedBytes: number }
}

/** Sessions in the order in which they began. */
export function sumSessions(entries: readonly TrafficEntry[]): SessionSums[] {
  const sessions = new Map<string, SessionSums>()
  for (const { passkey, infohash, peer_id, agent = '', event = '', du, dd, up, down } of entries) {
    const id = `${passkey}/${infohash}/${peer_id}`
    const totals = { uploadedBytes: Number(up), downloadedBytes: Number(down) }
    const session = sessions.get(id) ?? { agent, events: [], uploadedBytes: 0, downloadedBytes: 0, totals }
    session.events.push(event)
    session.uploadedBytes += Number(du)
    session.downloadedBytes += Number(dd)
    session.totals = totals
    sessions.set(id, session)
  }
  return [...sessions.values()]
}

function entryOf(fields: readonly string[]): TrafficEntry {
  const entry: Record<string, string> = {}
  for (let i = 0; i < fields.length; i += 2) entry[fields[i]!] = fields[i + 1]!
  return entry
}
