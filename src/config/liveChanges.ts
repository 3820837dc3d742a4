import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config.ts'

/** What a running process keeps until it is restarted: the file's name of it, and where it stands in a Config. */
const KEPT: readonly (readonly [name: string, ...path: readonly string[]])[] = [
  ['metrics_addr', 'metricsAddr'],
  ['workers', 'workers'],
  ['http.addr', 'http', 'addr'],
  ['http.https_addr', 'http', 'httpsAddr'],
  ['http.proxy_protocol', 'http', 'proxyProtocol'],
  ['http.read_timeout', 'http', 'readTimeoutMs'],
  ['http.write_timeout', 'http', 'writeTimeoutMs'],
  ['http.idle_timeout', 'http', 'idleTimeoutMs'],
  ['http.enable_keepalive', 'http', 'enableKeepalive'],
  ['http.max_header_bytes', 'http', 'maxHeaderBytes'],
  ['udp.addr', 'udp', 'addr'],
  ['udp.private_key', 'udp', 'privateKey'],
  ['udp.previous_private_keys', 'udp', 'previousPrivateKeys'],
  ['udp.connection_id_lifetime', 'udp', 'connectionIdLifetimeSeconds'],
  ['udp.max_clock_skew', 'udp', 'maxClockSkewSeconds'],
  ['udp.max_in_flight', 'udp', 'maxInFlight'],
  ['udp.receive_buffer', 'udp', 'receiveBufferBytes'],
  ['storage.config.redis_broker', 'redis', 'connection'],
  ['storage.config.redis_connect_timeout', 'redis', 'connectTimeoutMs'],
  ['storage.config.store_timeout', 'redis', 'storeTimeoutMs'],
  ['storage.config.max_in_flight', 'redis', 'maxInFlight'],
  ['storage.config.key_prefix', 'redis', 'keyPrefix'],
]
const SECTIONS = ['http', 'udp'] as const

type Tree = Record<string, unknown>

/**
 * What a running process can make of another configuration.
 *
 * @returns `config`: the new one with the values that cannot change in a running process as they are; `needRestart`: the
 *   keys of those that differ, as the file names them, without values
 */
export function keepUntilRestart(
  running: Config,
  next: Config,
): { readonly config: Config; readonly needRestart: readonly string[] } {
  const config: Tree = { ...next, http: copy(next.http), udp: copy(next.udp), redis: copy(next.redis) }
  const needRestart: string[] = []
  for (const section of SECTIONS) {
    if ((running[section] === undefined) === (next[section] === undefined)) continue
    needRestart.push(section)
    config[section] = running[section]
  }
  for (const [name, ...path] of KEPT) {
    const parents = path.slice(0, -1)
    const last = path.at(-1)!
    const [before, after] = [treeAt(running, parents), treeAt(config, parents)]
    if (!before || !after || isDeepStrictEqual(before[last], after[last])) continue
    needRestart.push(name)
    after[last] = before[last]
  }
  const { http } = running
  // Without the port there is nobody to show a certificate to, and with it there has to be one.
  if (http && config.http) {
    const section = config.http as Tree
    if (!http.httpsAddr) section.tls = undefined
    else if (!section.tls) section.tls = http.tls
  }
  return { config: config as unknown as Config, needRestart }
}

const copy = <T extends object>(section: T | undefined) => section && { ...section }

function treeAt(tree: unknown, path: readonly string[]): Tree | undefined {
  return path.reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], tree) as Tree | undefined
}
