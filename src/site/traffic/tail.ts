import type { Redis } from 'ioredis'
import { maskPasskey } from '../../bittorrent/passkey.ts'
import { MalformedEvent, parseTrafficEvent } from '../../contract/parseTrafficEvent.ts'
import type { TrafficEvent } from '../../contract/trafficEvent.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import { timeText } from '../../runtime/timeText.ts'

const PAGE = 500
const BLOCK_MS = 1_000

export interface RawEntry {
  readonly id: string
  /** Names and values in turn. */
  readonly fields: readonly string[]
}

/**
 * The last `last` entries of the stream, then those that come, until the signal. Reads without a group and leaves nothing
 * behind. Throws StoreUnavailable.
 *
 * @param options `follow`: false ends after the last ones
 */
export async function* followTraffic(
  redis: Redis,
  stream: string,
  { last, follow, signal }: { readonly last: number; readonly follow: boolean; readonly signal: AbortSignal },
): AsyncGenerator<RawEntry> {
  const [newest] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1).catch(unreadable)
  let from = newest?.[0] ?? '0-0'
  if (last > 0) {
    const before = await redis.xrevrange(stream, from, '-', 'COUNT', last).catch(unreadable)
    for (const [id, fields] of before.reverse()) yield { id, fields }
  }
  while (follow && !signal.aborted) {
    const streams = await redis
      .xread('COUNT', PAGE, 'BLOCK', BLOCK_MS, 'STREAMS', stream, from)
      .catch(unreadable)
    for (const [id, fields] of streams?.[0]?.[1] ?? []) {
      if (signal.aborted) return
      yield { id, fields }
      from = id
    }
  }
}

/** One line for people. @param isMasked leave the passkey out, but for its first letters */
export function trafficLine({ id, fields }: RawEntry, isMasked: boolean): string {
  let event: TrafficEvent
  try {
    event = parseTrafficEvent(fields)
  } catch (error) {
    if (error instanceof MalformedEvent) return `${id}  malformed: ${error.message}`
    throw error
  }
  const { uploadedDeltaBytes: up, downloadedDeltaBytes: down, leftBytes: left } = event
  return [
    timeText(event.atSeconds),
    (isMasked ? maskPasskey(event.passkey) : event.passkey).padEnd(isMasked ? 5 : 32),
    event.infohash.slice(0, 12),
    `up ${readableBytes(up)}`.padEnd(13),
    `down ${readableBytes(down)}`.padEnd(15),
    (left === 0 ? 'seeding' : `left ${readableBytes(left)}`).padEnd(15),
    event.event.padEnd(9),
    `${event.elapsedSeconds} s`.padStart(7),
    ` ${event.ip} ${printable(event.agent ?? '')}`,
  ]
    .join(' ')
    .trimEnd()
}

/** An entry as an object, its fields as they are. */
export function trafficObject({ id, fields }: RawEntry, isMasked: boolean): Record<string, string> {
  const object: Record<string, string> = { id }
  for (let i = 0; i + 1 < fields.length; i += 2)
    object[fields[i]!] = isMasked && fields[i] === 'passkey' ? maskPasskey(fields[i + 1]!) : fields[i + 1]!
  return object
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

export function readableBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

/** What a producer wrote must not steer the terminal. */
const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?')

function unreadable(cause: unknown): never {
  throw new StoreUnavailable('reading the traffic stream', { cause })
}
