import { hash } from 'node:crypto'
import type { TrafficEntry, TrafficEvent } from '../../contract/trafficEvent.ts'

/** A stream ID, `<ms>-<seq>`, as two numbers. */
export interface EntryId {
  readonly ms: number
  readonly seq: number
}

/** Throws RangeError for what is no stream ID, or one past 2^53 - 1. */
export function parseEntryId(id: string): EntryId {
  const [, ms, seq] = /^(\d{1,16})-(\d{1,16})$/.exec(id) ?? []
  const parsed = { ms: Number(ms), seq: Number(seq) }
  if (!Number.isSafeInteger(parsed.ms) || !Number.isSafeInteger(parsed.seq)) {
    throw new RangeError(`not the ID of a stream entry: ${JSON.stringify(id.slice(0, 40))}`)
  }
  return parsed
}

export function entryIdText({ ms, seq }: EntryId): string {
  return `${ms}-${seq}`
}

export function compareIds(a: EntryId, b: EntryId): number {
  return a.ms - b.ms || a.seq - b.seq
}

/** 53 bits of a text, for a number that every database and JavaScript hold exactly. */
function numberOf(text: string): number {
  const digest = hash('sha256', text, 'buffer')
  return digest.readUInt32BE(0) * 2 ** 21 + (digest.readUInt32BE(4) >>> 11)
}

/** A life of a Redis as the tables name it: its name is 80 characters long, and it stands in every row. */
export function historyNumber(history: string): number {
  return numberOf(history)
}

/** What an entry says, so that the same entry is known again when a restarted Redis delivers it under a new history. */
export function fingerprint({ event }: TrafficEntry): number {
  return numberOf(fieldsOf(event).join('\n'))
}

function fieldsOf(event: TrafficEvent): (string | number | undefined)[] {
  return [
    event.passkey,
    event.infohash,
    event.peerId,
    event.port,
    event.ip,
    event.addressFamily,
    event.uploadedDeltaBytes,
    event.downloadedDeltaBytes,
    event.leftBytes,
    event.event,
    event.atSeconds,
    event.elapsedSeconds,
    event.intervalSeconds,
    event.minIntervalSeconds,
    event.totals?.uploadedBytes,
    event.totals?.downloadedBytes,
    event.totals?.sinceSeconds,
    event.seeders,
    event.leechers,
    event.agent,
  ]
}
