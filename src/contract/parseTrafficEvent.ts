import { parseAddress } from '../bittorrent/address.ts'
import { parsePasskey } from '../bittorrent/passkey.ts'
import type { AnnounceEvent, Infohash, PeerId } from '../bittorrent/types.ts'
import {
  EXTRA_FIELDS,
  PUBLISHED_FIELDS,
  SITE_FIELD_BYTES,
  SITE_FIELDS,
  type TrafficEvent,
  type TrafficTotals,
} from './trafficEvent.ts'

/** A name and its value in turn, as Redis and ioredis have an entry, or an object, as other clients do. */
export type TrafficFields = readonly string[] | Readonly<Record<string, string>>

/** The entry cannot be settled, whoever reads it. The message is for people, and repeats no value: one of them is a secret. */
export class MalformedEvent extends Error {
  override readonly name = 'MalformedEvent'
}

const ID = /^[0-9a-f]{40}$/i
const EVENTS: ReadonlySet<string> = new Set(['none', 'started', 'completed', 'stopped'])
/** Whatever a field says, it says in less. */
const LONGEST_TEXT = 256
/** The year 2286: milliseconds, or noise. One such entry would make every later one of its session look old. */
const LATEST_SECONDS = 9_999_999_999

/** In the order in which the tracker writes them. */
const NAMES: readonly string[] = [...PUBLISHED_FIELDS, ...EXTRA_FIELDS, ...SITE_FIELDS]
const NAME_TEXTS: ReadonlyMap<string, string> = new Map(NAMES.map((name) => [name, name]))

/**
 * Reads an entry of the traffic stream, whoever wrote it: the fourteen published fields must be there, the extras may,
 * others are ignored. The order does not matter. Hex comes out in lowercase, addresses in their one form.
 *
 * @throws MalformedEvent with what is wrong with it, in words
 */
export function parseTrafficEvent(fields: TrafficFields): TrafficEvent {
  const values = Array.isArray(fields) ? byName(fields) : (fields as FieldValues)
  const totals = totalsOf(values)
  const du = wholeNumber(values, 'du')
  const dd = wholeNumber(values, 'dd')
  if (totals && du > totals.uploadedBytes) throw new MalformedEvent('du is above up, the total it is part of')
  if (totals && dd > totals.downloadedBytes)
    throw new MalformedEvent('dd is above down, the total it is part of')
  const address = parseAddress(textOf(values, 'ip'))
  if (!address) throw new MalformedEvent('ip is not an address')
  const af = textOf(values, 'af')
  if (af !== 'IPv4' && af !== 'IPv6') throw new MalformedEvent('af is neither IPv4 nor IPv6')
  if (af !== address.family) throw new MalformedEvent('af is not the family of ip')
  const event = textOf(values, 'event')
  if (!EVENTS.has(event)) throw new MalformedEvent('event is none of none, started, completed, stopped')
  const port = wholeNumber(values, 'port')
  if (port > 65535) throw new MalformedEvent('port is above 65535')
  return {
    passkey: passkeyOf(values),
    infohash: idOf(values, 'infohash') as Infohash,
    peerId: idOf(values, 'peer_id') as PeerId,
    port,
    ip: address.text,
    addressFamily: address.family,
    uploadedDeltaBytes: du,
    downloadedDeltaBytes: dd,
    leftBytes: wholeNumber(values, 'left'),
    event: event as AnnounceEvent,
    atSeconds: time(values, 'ts'),
    elapsedSeconds: wholeNumber(values, 'dt'),
    intervalSeconds: wholeNumber(values, 'interval'),
    minIntervalSeconds: wholeNumber(values, 'min_interval'),
    totals,
    seeders: values.seeders === undefined ? undefined : wholeNumber(values, 'seeders'),
    leechers: values.leechers === undefined ? undefined : wholeNumber(values, 'leechers'),
    agent: optionalText(values, 'agent'),
    fd: optionalText(values, 'fd'),
    pd: optionalText(values, 'pd'),
  }
}

type FieldValues = Readonly<Record<string, string | undefined>>
type Name = (typeof PUBLISHED_FIELDS)[number] | (typeof EXTRA_FIELDS)[number] | (typeof SITE_FIELDS)[number]

function byName(fields: readonly string[]): FieldValues {
  const values: Record<string, string> = {}
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [sentName, usualName] = [fields[i]!, NAMES[i / 2]]
    const name = sentName === usualName ? usualName : NAME_TEXTS.get(sentName) // a text of our own: one cut out of a reply makes a slow key
    if (name === undefined) continue
    if (values[name] !== undefined) throw new MalformedEvent(`${name} stands there twice`)
    values[name] = fields[i + 1]!
  }
  return values
}

function textOf(values: FieldValues, name: Name): string {
  const value = values[name]
  if (typeof value !== 'string') throw new MalformedEvent(`${name} is missing`)
  if (value.length > LONGEST_TEXT) throw new MalformedEvent(`${name} is ${value.length} characters long`)
  return value
}

function optionalText(values: FieldValues, name: Name): string | undefined {
  if (values[name] === undefined) return undefined
  const value = textOf(values, name)
  if (Buffer.byteLength(value) > SITE_FIELD_BYTES)
    throw new MalformedEvent(`${name} is longer than ${SITE_FIELD_BYTES} bytes`)
  return value
}

const NINE = 57
const ZERO = 48

function wholeNumber(values: FieldValues, name: Name): number {
  const text = textOf(values, name)
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < ZERO || code > NINE) throw notWhole(name, text)
    value = value * 10 + (code - ZERO)
  }
  if (text === '') throw notWhole(name, text)
  if (value > Number.MAX_SAFE_INTEGER) throw new MalformedEvent(`${name} is above 2^53 - 1`)
  return value
}

function notWhole(name: Name, text: string): MalformedEvent {
  return new MalformedEvent(
    /^-\d+$/.test(text) ? `${name} is negative` : `${name} is not a whole decimal number`,
  )
}

function time(values: FieldValues, name: 'ts' | 'since'): number {
  const seconds = wholeNumber(values, name)
  if (seconds > LATEST_SECONDS) throw new MalformedEvent(`${name} is no time in Unix seconds`)
  return seconds
}

function idOf(values: FieldValues, name: 'infohash' | 'peer_id'): string {
  const text = textOf(values, name)
  if (!ID.test(text)) throw new MalformedEvent(`${name} is not 40 hex digits`)
  return text.toLowerCase()
}

function passkeyOf(values: FieldValues) {
  const text = textOf(values, 'passkey')
  if (text === '') throw new MalformedEvent('passkey is empty: on an open tracker there is nobody to credit')
  const passkey = parsePasskey(text)
  if (passkey === undefined) throw new MalformedEvent('passkey is not 1 to 128 of A-Z a-z 0-9 - _')
  return passkey
}

/** The three go together: a total without its beginning cannot be placed. */
function totalsOf(values: FieldValues): TrafficTotals | undefined {
  const { up, down, since } = values
  if (up === undefined && down === undefined && since === undefined) return undefined
  if (up === undefined || down === undefined || since === undefined)
    throw new MalformedEvent('up, down and since go together (extra_fields): only some of them are there')
  return {
    uploadedBytes: wholeNumber(values, 'up'),
    downloadedBytes: wholeNumber(values, 'down'),
    sinceSeconds: time(values, 'since'),
  }
}
