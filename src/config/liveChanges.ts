import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config.ts'
import type { Entries } from './section.ts'
import { chihayaKeys, httpSection, redisKeys, udpSection } from './sections.ts'

/** Where values of keys with the mark `restart` stand: in the file, and in a Config. */
const PLACES: readonly (readonly [
  prefix: string,
  at: 'http' | 'udp' | 'redis' | undefined,
  entries: Entries,
])[] = [
  ['', undefined, chihayaKeys],
  ['http.', 'http', httpSection.entries],
  ['udp.', 'udp', udpSection.entries],
  ['storage.config.', 'redis', redisKeys],
]
const FRONTENDS = ['http', 'udp'] as const

type Tree = Record<string, unknown>

/**
 * What a running process can make of another configuration.
 *
 * @returns `config`: the new one with the values that cannot change in a running process as they are; `needRestart`: the
 *   keys of those that differ, as the file names them, without values
 */
export function keepUntilRestart<C extends Config>(
  running: C,
  next: C,
): { readonly config: C; readonly needRestart: readonly string[] } {
  const copies = { http: copy(next.http), udp: copy(next.udp), redis: copy(next.redis) }
  const config: Tree = { ...(next as object), ...copies }
  const needRestart: string[] = []
  for (const name of FRONTENDS) {
    if ((running[name] === undefined) === (next[name] === undefined)) continue
    needRestart.push(name)
    config[name] = running[name]
  }
  for (const [prefix, at, entries] of PLACES) {
    const before = (at ? running[at] : running) as unknown as Tree | undefined
    const after = (at ? config[at] : config) as Tree | undefined
    if (before && after) needRestart.push(...keep(before, after, entries).map((key) => prefix + key))
  }
  // A certificate is needed exactly where the port is open.
  const http = config.http as Tree | undefined
  if (running.http && http) {
    if (!running.http.httpsAddr) http.tls = undefined
    else http.tls ??= running.http.tls
  }
  return { config: config as unknown as C, needRestart }
}

/** Puts the values of before where they cannot change. @returns their keys */
function keep(before: Tree, after: Tree, entries: Entries): string[] {
  return Object.entries(entries).flatMap(([name, [key, , ...marks]]) => {
    if (!marks.includes('restart') || isDeepStrictEqual(before[name], after[name])) return []
    after[name] = before[name]
    return [key]
  })
}

const copy = <T extends object>(section: T | undefined) => section && { ...section }
