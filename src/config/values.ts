import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { z } from 'zod'
import { compileNetworks } from '../bittorrent/address.ts'
import { parseRoute } from '../bittorrent/routePattern.ts'
import { parseEncryptionKey } from '../runtime/encryptionKey.ts'
import { formatDuration, parseDuration } from './durations.ts'
import { maskedRedisUrl, parseRedisUrl } from './redisUrl.ts'

/** Where to listen. `::` also takes IPv4. */
export interface ListenAddress {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

/** A value of the file. */
export type Value<T> = z.ZodType<T, unknown>

/**
 * @param read throws RangeError with the rest of the sentence `<key>: <value> …`. The value is put in front by validate.ts,
 *   which knows whether it is a secret
 * @param show the way back to what the file says
 * @param range what the documentation says about the bounds, for example `1 to 2000`
 */
export function value<T>(
  read: (raw: unknown) => T,
  show: (value: T) => unknown = (value) => value,
  range?: string,
): Value<T> {
  const codec = z.codec(
    z.unknown(),
    z.custom<T>(() => true),
    {
      decode(raw, context) {
        try {
          return read(raw)
        } catch (error) {
          if (!(error instanceof RangeError)) throw error
          context.issues.push({ code: 'custom', message: error.message, input: raw })
          return z.NEVER
        }
      },
      encode: show,
    },
  )
  return Object.assign(codec, { range }) as unknown as Value<T>
}

function duration(minimum: string, maximum: string, unit: 'ms' | 's'): Value<number> {
  const unitNanoseconds = unit === 's' ? 1_000_000_000n : 1_000_000n
  const read = (raw: unknown) => {
    const nanoseconds = parseDuration(String(raw))
    if (nanoseconds === undefined && /^\d+$/.test(String(raw)))
      throw new RangeError(`has no unit; write ${raw}s`)
    if (nanoseconds === undefined) throw new RangeError('is not a duration such as 30m, 1h30m or 1.5s')
    if (nanoseconds < parseDuration(minimum)!) throw new RangeError(`is below ${minimum}`)
    if (nanoseconds > parseDuration(maximum)!) throw new RangeError(`is above ${maximum}`)
    if (nanoseconds % unitNanoseconds !== 0n)
      throw new RangeError(`is not a whole number of ${unit === 's' ? 'seconds' : 'milliseconds'}`)
    return Number(nanoseconds / unitNanoseconds)
  }
  return value(read, unit === 's' ? showSeconds : formatDuration, `${minimum} to ${maximum}`)
}

/** Becomes milliseconds. Bounds are durations too. */
export const milliseconds = (minimum: string, maximum: string) => duration(minimum, maximum, 'ms')
/** Becomes seconds. */
export const seconds = (minimum: string, maximum: string) => duration(minimum, maximum, 's')

/** A whole number; also as text, since that is what an environment variable gives. */
export function integer(minimum: number, maximum: number): Value<number> {
  const read = (raw: unknown) => {
    const number = typeof raw === 'string' && /^[+-]?\d+$/.test(raw) ? Number(raw) : raw
    if (typeof number !== 'number' || !Number.isInteger(number)) throw new RangeError('is not a whole number')
    return bounded(number, minimum, maximum)
  }
  return value(read, undefined, maximum < Number.MAX_SAFE_INTEGER ? `${minimum} to ${maximum}` : undefined)
}

function readFraction(raw: unknown, minimum: number, maximum: number): number {
  const number = typeof raw === 'string' && /^[+-]?\d*\.?\d+$/.test(raw) ? Number(raw) : raw
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new RangeError('is not a number')
  return bounded(number, minimum, maximum)
}

export const fraction = (minimum: number, maximum: number) =>
  value((raw) => readFraction(raw, minimum, maximum), undefined, `${minimum} to ${maximum}`)

/** A share of 0 would disable what it belongs to, so it is rejected, as in Chihaya. */
export const share = value(
  (raw) => {
    const part = readFraction(raw, 0, 1)
    if (part === 0) throw new RangeError('is not above 0')
    return part
  },
  undefined,
  'above 0, up to 1',
)

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** Bytes, as a number or with a unit: `10MiB`, `1.5GiB`. Bounds are written the same way. */
export function size(minimum: string, maximum: string): Value<number> {
  const read = (raw: unknown) => {
    const bytes = parseSize(String(raw))
    if (bytes === undefined) throw new RangeError('is not a size such as 512KiB, 10MiB or 1GiB')
    if (bytes < parseSize(minimum)!) throw new RangeError(`is below ${minimum}`)
    if (bytes > parseSize(maximum)!) throw new RangeError(`is above ${maximum}`)
    return bytes
  }
  return value(read, showSize, `${minimum} to ${maximum}`)
}

/** @returns undefined for what is none, or no whole number of bytes */
function parseSize(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,16}(?:\.\d{1,6})?) ?([KMGT]iB|B|)$/.exec(text) ?? []
  const bytes = Number(digits) * SIZE_UNITS[unit]!
  return digits !== '' && Number.isSafeInteger(bytes) ? bytes : undefined
}

function bounded(number: number, minimum: number, maximum: number): number {
  if (number < minimum) throw new RangeError(`is below ${minimum}`)
  if (number > maximum) throw new RangeError(`is above ${maximum}`)
  return number
}

/** Processes; `auto` is one for each core. */
export const workerCount = value(
  (raw): number | 'auto' => {
    const count = typeof raw === 'string' && /^\+?\d+$/.test(raw) ? Number(raw) : raw
    if (count === 'auto') return count
    if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= 256) return count
    throw new RangeError('is neither 1 to 256 nor auto')
  },
  undefined,
  '1 to 256',
)

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on'].map((text) => [text, true] as const),
  ...['false', 'no', 'off'].map((text) => [text, false] as const),
])

/** `yes`, `no`, `on` and `off` count too: they are booleans to Chihaya's YAML reader. */
export const flag = value((raw) => {
  const boolean = BOOLEANS.get(String(raw).toLowerCase())
  if (boolean === undefined) throw new RangeError('is neither true nor false')
  return boolean
})

export function choice<const T extends string>(...choices: T[]): Value<T> {
  return value((raw) => {
    const found = choices.find((candidate) => candidate === raw)
    if (found === undefined) throw new RangeError(`is none of ${choices.join(', ')}`)
    return found
  })
}

/**
 * @param rest the end of the sentence about a text that does not match
 * @param read the last check, or another spelling
 */
export function text(pattern = /^.+$/s, rest = 'is empty', read = (text: string) => text): Value<string> {
  return value((raw) => {
    if (typeof raw === 'number' || typeof raw === 'boolean')
      throw new RangeError('is not text: put it in quotes')
    if (typeof raw !== 'string') throw new RangeError('is not text')
    if (!pattern.test(raw)) throw new RangeError(rest)
    return read(raw)
  })
}

export const lowercase = (text: string) => text.toLowerCase()
/** Lowercase: names of query parameters are case-insensitive. */
export const parameterName = text(/^[\w.-]{1,64}$/, 'is not a parameter name', lowercase)
/** Lowercase. */
export const infohash = text(/^[0-9a-f]{40}$/i, 'is not an infohash of 40 hex digits', lowercase)

/** The empty text counts as absent, as it does for Chihaya. */
export const emptyIsAbsent = <T>(schema: Value<T>) =>
  z
    .codec(z.unknown(), schema.optional(), {
      decode: (raw) => (raw === '' ? undefined : raw),
      encode: (shown) => shown,
    })
    .optional()

export const keyPrefix = text(
  /^[!-z|~]{0,64}$/,
  'is not up to 64 printable ASCII characters without spaces and braces',
)
export const redisKey = text(
  /^[!-z|~]{1,200}$/,
  'is not 1 to 200 printable ASCII characters without spaces and braces',
)

export const list = <T>(item: Value<T>) => z.array(item)

/**
 * What stands for all addresses: those of both families, or of IPv4 where the kernel knows nothing else.
 *
 * @param folder what Linux tells of its network; elsewhere it is missing, and IPv6 is taken for granted
 */
export function everyAddress(folder = '/proc/net'): '::' | '0.0.0.0' {
  return existsSync(`${folder}/tcp`) && !existsSync(`${folder}/if_inet6`) ? '0.0.0.0' : '::'
}

/** `host:port`, `:port` (all addresses) or `[IPv6]:port`. */
export const listenAddress = value((raw): ListenAddress => {
  const [, ipv6, name, port] = /^(?:\[([^\]]*)\]|([^\s:[\]/]*)):(\d{1,5})$/.exec(String(raw)) ?? []
  if (port === undefined || (ipv6 !== undefined && isIP(ipv6) !== 6))
    throw new RangeError('is not an address: host:port, :port or [IPv6]:port')
  if (Number(port) > 65535) throw new RangeError('has a port above 65535')
  if (name !== undefined && /^[\d.]+$/.test(name) && isIP(name) !== 4)
    throw new RangeError('has a malformed IPv4 address')
  return { host: ipv6 ?? (name || everyAddress()), port: Number(port) }
}, showAddress)

function showAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Asks whoever reads the text in the end. Its words begin with the text, which the problem names already. */
function readBy(read: (text: string) => unknown, text: string): void {
  try {
    read(text)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new RangeError(error.message.split(`"${text}" `).at(-1), { cause: error })
  }
}

/** `10.0.0.0/8` or `fc00::/7`; an address alone stands for itself. */
export const cidr = value((raw) => {
  const network = String(raw)
  readBy((text) => compileNetworks([text]), network)
  const [, address = '', bits = isIP(address) === 4 ? 32 : 128] = /^([^/]*)(?:\/(.*))?$/.exec(network) ?? []
  return `${address}/${bits}`
})

/** A path in httprouter's syntax: `:name` is one segment, `*name` the rest. */
export const route = value((raw) => {
  const path = String(raw)
  readBy(parseRoute, path)
  if (!/^[\w/:*.~@+-]+$/.test(path)) throw new RangeError('has characters other than A-Z a-z 0-9 _ - . ~ @ +')
  return path
})

export const redisUrl = value((raw) => parseRedisUrl(String(raw)), maskedRedisUrl)

/** Plain http can be read and answered by others on the network; a loopback host is not reached through one. */
const secureUrl = (insteadOfPassword: string) =>
  value((raw) => {
    const url = URL.canParse(String(raw)) ? new URL(String(raw)) : undefined
    const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url?.hostname ?? '')
    if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLoopback))
      throw new RangeError('is not an https:// URL (http:// is for loopback hosts only)')
    if (url.username || url.password) throw new RangeError(`has a user or password; ${insteadOfPassword}`)
    return url.href
  }, maskedQuery)

/** A query may hold a token. */
const maskedQuery = (url: string) => url.replace(/\?.*/s, '?***')

export const verifyUrl = secureUrl('use http_api_key')
export const jwkSetUrl = secureUrl('public keys need none')

export const encryptionKey = value((raw) => {
  const key = parseEncryptionKey(String(raw))
  if (key === undefined)
    throw new RangeError('is not a key of 32 bytes: 32 characters, 64 hex digits or base64')
  return key
})

/** For messages that compare two keys. */
export const showMilliseconds = formatDuration
export const showSeconds = (count: number) => formatDuration(count * 1000)
/** In the largest unit that needs no fraction. */
export function showSize(bytes: number): string {
  const units = Object.entries(SIZE_UNITS).slice(2)
  const [unit, factor] = units.findLast(([, factor]) => bytes > 0 && bytes % factor === 0) ?? ['', 1]
  return `${bytes / factor}${unit}`
}
