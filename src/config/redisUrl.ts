import { isIP } from 'node:net'

/** Where Redis is, in the words ioredis takes as options. Either host and port, or path. */
export interface RedisConnection {
  readonly host?: string
  readonly port?: number
  /** A unix socket. */
  readonly path?: string
  readonly username?: string
  readonly password?: string
  readonly db: number
  /** Present: TLS, the certificate checked against the host. */
  readonly tls?: { readonly servername?: string }
}

const SCHEME = /^([a-z+-]+):\/\/(.*)$/is
const SOCKET_SCHEMES = ['unix', 'redis-socket']
const HOST_AND_PORT = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/i

/**
 * Reads `redis://password@host:port/db` (Chihaya's form), `redis://user:password@host`, `rediss://` for TLS,
 * `unix:///path?db=0` and Chihaya's `redis-socket://password@/path?db=0`. Port 6379 and database 0 when not given.
 * User and password may be percent-encoded and may contain `@`, `/`, `#` and `:` (a user name only when encoded).
 *
 * @throws RangeError with a text that never repeats the URL
 */
export function parseRedisUrl(url: string): RedisConnection {
  const [, scheme = '', rest = ''] = SCHEME.exec(url) ?? []
  const kind = scheme.toLowerCase()
  const isSocket = SOCKET_SCHEMES.includes(kind)
  if (!isSocket && kind !== 'redis' && kind !== 'rediss')
    throw new RangeError('is not a Redis URL: redis://, rediss://, unix:// or redis-socket://')

  const at = rest.lastIndexOf('@')
  const credentials = at < 0 ? {} : parseCredentials(rest.slice(0, at))
  const [place = '', query = ''] = rest.slice(at + 1).split(/\?(.*)/s)
  const queryDb = parseQuery(query)

  if (isSocket) {
    if (!/^\/[^/]/.test(place))
      throw new RangeError(`has no socket path: ${kind}:///run/redis/redis.sock?db=0`)
    return { path: decode(place), ...credentials, db: parseDb(queryDb ?? '0') }
  }
  const { pathDb, ...server } = parseServer(place)
  const connection = { ...server, ...credentials, db: parseDb(pathDb || (queryDb ?? '0')) }
  // SNI takes names only (RFC 6066), and Node sends none by itself.
  return kind === 'rediss'
    ? { ...connection, tls: isIP(server.host) ? {} : { servername: server.host } }
    : connection
}

function parseServer(place: string): { host: string; port: number; pathDb: string } {
  const [, authority = '', pathDb = ''] = /^([^/]*)(?:\/(.*))?$/s.exec(place) ?? []
  const [, ipv6, name, portText = '6379'] = HOST_AND_PORT.exec(authority) ?? []
  const host = ipv6 ?? name
  if (host === undefined)
    throw new RangeError('has no host, or one that is not host, host:port or [IPv6]:port')
  const port = Number(portText)
  if (port < 1 || port > 65535) throw new RangeError('has a port outside 1 to 65535')
  if (ipv6 !== undefined && isIP(ipv6) !== 6)
    throw new RangeError('has something in [ ] that is not an IPv6 address')
  return { host, port, pathDb }
}

/** The URL form of a connection, its password replaced by `***`. */
export function maskedRedisUrl({ host, port, path, username, password, db, tls }: RedisConnection): string {
  const secret = password === undefined ? '' : '***'
  const credentials =
    secret && `${username === undefined ? '' : `${encodeURIComponent(username)}:`}${secret}@`
  if (path !== undefined) return `unix://${credentials}${encodeURI(path)}?db=${db}`
  return `${tls ? 'rediss' : 'redis'}://${credentials}${host?.includes(':') ? `[${host}]` : host}:${port}/${db}`
}

export function isSameRedis(one: RedisConnection, other: RedisConnection): boolean {
  const identity = ({ host, port, path, username, password, db, tls }: RedisConnection): string =>
    JSON.stringify([
      host,
      port,
      path,
      username === 'default' ? null : username,
      password,
      db,
      tls !== undefined,
    ])
  return identity(one) === identity(other)
}

/** Without a colon all of it is the password: that is how Chihaya writes it. */
function parseCredentials(text: string): { username?: string; password?: string } {
  const colon = text.indexOf(':')
  if (colon < 0) return text === '' ? {} : { password: decode(text) }
  const username = decode(text.slice(0, colon))
  const password = decode(text.slice(colon + 1))
  if (password === '') {
    if (username === '') return {}
    throw new RangeError('has a user but no password; redis://password@host takes a password alone')
  }
  return username === '' ? { password } : { username, password }
}

function parseQuery(query: string): string | undefined {
  const params = new URLSearchParams(query)
  for (const name of params.keys())
    if (name !== 'db') throw new RangeError('has a query parameter other than db')
  return params.get('db') ?? undefined
}

function parseDb(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new RangeError('has a database that is not a whole number')
  return Number(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new RangeError('has a "%" that is not followed by two hex digits; write it as %25', { cause })
  }
}
