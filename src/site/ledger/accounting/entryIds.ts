import type { StreamId } from '../../../contract/streamId.ts'
import type { TrafficEntry } from '../../../contract/trafficEvent.ts'

export function streamIdText({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`
}

export function compareIds(a: StreamId, b: StreamId): number {
  return a.ms - b.ms || a.seq - b.seq
}

export const DAY_MS = 86_400_000

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/**
 * 53 bits of a text, for a number that every database and JavaScript hold exactly: FNV-1a twice, with different numbers,
 * each stirred at the end. Tells texts apart that nobody made to collide, at a tenth of a cryptographic hash's price.
 */
export function numberOf(text: string): number {
  let high = 2_166_136_261
  let low = 3_735_928_559
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    high = Math.imul(high ^ unit, 16_777_619)
    low = Math.imul(low ^ unit, 2_654_435_761)
  }
  return (stir(high) >>> 11) * 2 ** 32 + (stir(low) >>> 0)
}

function stir(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 2_246_822_507)
  const twice = Math.imul(once ^ (once >>> 13), 3_266_489_909)
  return twice ^ (twice >>> 16)
}

/**
 * What an entry says of a session, so that the same entry is known again when a restarted Redis delivers it under a new
 * epoch. Where the client was at the time makes no other entry of it.
 */
export function fingerprint({ event }: TrafficEntry): number {
  const { totals } = event
  const session = `${event.passkey} ${event.infohash} ${event.peerId} `
  const moved = `${event.uploadedDeltaBytes} ${event.downloadedDeltaBytes} ${event.leftBytes} ${event.event} `
  const times = `${event.atSeconds} ${event.elapsedSeconds} `
  const counters = totals && `${totals.uploadedBytes} ${totals.downloadedBytes} ${totals.sinceSeconds}`
  return numberOf(session + moved + times + counters)
}
