import { lookup } from 'node:dns/promises'
import { compileNetworks, parseAddress } from '../bittorrent/address.ts'
import { LoadRefused } from './plan.ts'

const PLACEHOLDER = '{passkey}'
/** Stands for the placeholder while the URL is taken apart; braces would be escaped. */
const MARK = 'redswarm-passkey-goes-here'
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }
const isLoopback = compileNetworks(['127.0.0.0/8', '::1/128'])

/** Where announces go, as the URL says. */
export interface Target {
  readonly protocol: 'http' | 'https' | 'udp'
  /** A name, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:6969`: all of the URL that may be shown, as the rest may hold a passkey. */
  readonly origin: string
  /** Path and query. @param passkey undefined for an open tracker */
  path(passkey: string | undefined): string
}

/**
 * @param text of an announce URL. The passkey goes where `{passkey}` stands, else behind the path.
 * @throws LoadRefused
 */
export function parseTarget(text: string, hasPasskeys: boolean): Target {
  const parts = text.split(PLACEHOLDER)
  if (parts.length > 2) throw new LoadRefused(`${PLACEHOLDER} stands twice in the target URL`)
  if (parts.length === 2 && !hasPasskeys)
    throw new LoadRefused(`the target URL says ${PLACEHOLDER}, so --passkey or --passkey-file is needed`)
  const url = URL.parse(parts.join(MARK))
  const protocol = url?.protocol.slice(0, -1)
  if (!url || !isProtocol(protocol) || url.hostname === '')
    throw new LoadRefused('a target is http://, https:// or udp://, a host, and the path of the announce URL')
  if (url.username !== '' || url.password !== '')
    throw new LoadRefused('a target URL takes no user and no password')
  const port = url.port === '' ? DEFAULT_PORTS[protocol] : Number(url.port)
  if (port === undefined || port === 0) throw new LoadRefused('a udp:// target needs a port')
  if (url.hostname.includes(MARK)) throw new LoadRefused(`${PLACEHOLDER} belongs into the path or the query`)
  return {
    protocol,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    origin: `${protocol}://${url.hostname}:${port}`,
    path: pathOf(url, parts.length === 2, hasPasskeys),
  }
}

function isProtocol(text: string | undefined): text is Target['protocol'] {
  return text === 'http' || text === 'https' || text === 'udp'
}

function pathOf({ protocol, pathname, search }: URL, hasPlaceholder: boolean, hasPasskeys: boolean) {
  const isBare = pathname === '' || pathname === '/'
  const path = isBare && (protocol !== 'udp:' || hasPasskeys) ? '/announce' : pathname.replace(/\/$/, '')
  if (!hasPasskeys) return () => path + search
  const template = hasPlaceholder ? pathname + search : `${path}/${MARK}${search}`
  const at = template.indexOf(MARK)
  const [before, after] = [template.slice(0, at), template.slice(at + MARK.length)]
  return (passkey: string | undefined) => before + passkey + after
}

/**
 * The addresses of a target, IPv4 first: a tracker that listens on one family listens on that one.
 *
 * @param ownsTarget whoever starts this has said that it is theirs; else all of them have to be loopback addresses
 * @throws LoadRefused
 */
export async function resolveTarget(
  { host, origin }: Target,
  ownsTarget: boolean,
  lookUp: typeof lookUpAll = lookUpAll,
): Promise<string[]> {
  const entries = await lookUp(host).catch((error: NodeJS.ErrnoException) => {
    throw new LoadRefused(`${origin}: the name cannot be resolved (${error.code})`, { cause: error })
  })
  entries.sort((a, b) => a.family - b.family)
  const addresses = entries.map(({ address }) => address)
  const stranger = addresses.find((text) => {
    const address = parseAddress(text)
    return !address || !isLoopback(address)
  })
  if (stranger !== undefined && !ownsTarget)
    throw new LoadRefused(
      `${origin} is ${stranger === host ? '' : `${stranger}, `}not this machine: a load generator may only be aimed at ` +
        'what is yours. If it is, say --i-own-this-target',
    )
  return addresses
}

function lookUpAll(host: string): Promise<{ address: string; family: number }[]> {
  return lookup(host, { all: true })
}
