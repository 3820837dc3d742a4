import { isCovered } from '../bittorrent/routePattern.ts'
import { definitionOf } from '../tracker/hooks/list.ts'
import type { Settings } from './build.ts'
import { findHook, hookContext } from './hooks.ts'
import { isPrefix, type Path, type Relation, showPath } from './problem.ts'
import { isSameRedis } from './redisUrl.ts'
import { missingKeys } from './section.ts'
import type { SiteSections } from './siteSections.ts'
import { type ListenAddress, showSeconds } from './values.ts'

const TOP: Path = ['chihaya']
const HTTP: Path = ['chihaya', 'http']
const STORAGE: Path = ['chihaya', 'storage', 'config']

export interface RelationContext {
  /** Paths already reported; a relation that involves one of them is not reported. */
  readonly wrong: readonly Path[]
  /** Whether the file itself has the key; settings have the defaults filled in. */
  readonly isGiven: (path: Path) => boolean
  /** REDIS_URL is set, so that brokers in the file do not count. */
  readonly hasRedisUrl: boolean
}

/** What must hold between keys that are each fine alone. */
export function relationProblems(
  settings: Settings,
  sections: SiteSections,
  { wrong, isGiven, hasRedisUrl }: RelationContext,
): Relation[] {
  const relations = [
    ...timing(settings, isGiven),
    ...frontends(settings),
    ...routes(settings),
    ...ports(settings),
    ...transport(settings),
    ...hooks(settings),
    ...sharedNames(settings),
    ...Object.entries(sections).flatMap(([name, section]) => [
      ...(section.problems?.((settings as Record<string, unknown>)[name], settings) ?? []),
    ]),
    ...(hasRedisUrl ? [] : brokers(settings)),
  ]
  const isTouched = (path: Path) => wrong.some((other) => isPrefix(path, other) || isPrefix(other, path))
  return relations.filter(({ path, involves }) => ![path, ...involves].some(isTouched))
}

function* timing(settings: Settings, isGiven: (path: Path) => boolean): Generator<Relation> {
  const { announceIntervalSeconds, minAnnounceIntervalSeconds, storage } = settings
  const { peerLifetimeSeconds, accountingTtlSeconds } = storage.config
  const interval: Path = [...TOP, 'announce_interval']
  const minInterval: Path = [...TOP, 'min_announce_interval']
  const lifetime: Path = [...STORAGE, 'peer_lifetime']
  const ttl: Path = [...STORAGE, 'accounting_ttl']
  const shown = (path: Path, seconds: number) =>
    isGiven(path) ? showSeconds(seconds) : `${showSeconds(seconds)} (its default)`
  const shownInterval = shown(interval, announceIntervalSeconds)
  const shownLifetime = shown(lifetime, peerLifetimeSeconds)
  if (minAnnounceIntervalSeconds > announceIntervalSeconds)
    yield {
      path: minInterval,
      involves: [interval],
      text: `${shown(minInterval, minAnnounceIntervalSeconds)} is above announce_interval, ${shownInterval}`,
    }
  if (peerLifetimeSeconds <= announceIntervalSeconds)
    yield {
      path: lifetime,
      involves: [interval],
      text: `${shownLifetime} is not above announce_interval, ${shownInterval}: peers would be dropped before they come back`,
    }
  if (accountingTtlSeconds < peerLifetimeSeconds)
    yield {
      path: ttl,
      involves: [lifetime],
      text: `${shown(ttl, accountingTtlSeconds)} is below peer_lifetime, ${shownLifetime}: a live peer would lose its baseline`,
    }
}

function* frontends({ http, udp }: Settings): Generator<Relation> {
  if (!http && !udp)
    yield {
      path: HTTP,
      involves: [[...TOP, 'udp']],
      text: 'is missing, and so is udp: nothing would be served',
    }
  for (const [name, section] of Object.entries({ http, udp })) {
    if (!section) continue
    const at = [...TOP, name]
    const { addr, defaultNumwant, maxNumwant } = section
    if (addr === undefined && !('httpsAddr' in section && section.httpsAddr))
      yield {
        path: [...at, 'addr'],
        involves: [[...at, 'https_addr']],
        text: 'is missing; for example ":6969"',
      }
    if (defaultNumwant > maxNumwant)
      yield {
        path: [...at, 'default_numwant'],
        involves: [[...at, 'max_numwant']],
        text: `${defaultNumwant} is above max_numwant, ${maxNumwant}`,
      }
  }
}

function* routes({ http }: Settings): Generator<Relation> {
  for (const [index, route] of (http?.scrapeRoutes ?? []).entries()) {
    const by = http!.announceRoutes.find((announce) => isCovered(route, announce))
    if (by !== undefined)
      yield {
        path: [...HTTP, 'scrape_routes', index],
        involves: [[...HTTP, 'announce_routes']],
        text: `${route} would never be reached: ${by} in announce_routes takes its requests`,
      }
  }
}

function* ports({ http, metricsAddr }: Settings): Generator<Relation> {
  const { addr, httpsAddr } = http ?? {}
  for (const [key, taken] of Object.entries({ addr, https_addr: httpsAddr }))
    if (taken && metricsAddr && collides(taken, metricsAddr))
      yield {
        path: [...TOP, 'metrics_addr'],
        involves: [[...HTTP, key]],
        text: `port ${metricsAddr.port} is taken by http.${key}`,
      }
  if (addr && httpsAddr && collides(addr, httpsAddr))
    yield {
      path: [...HTTP, 'https_addr'],
      involves: [[...HTTP, 'addr']],
      text: `port ${httpsAddr.port} is taken by http.addr`,
    }
}

function* transport({ http }: Settings): Generator<Relation> {
  if (http?.proxyProtocol && http.trustedProxies.length === 0)
    yield {
      path: [...HTTP, 'proxy_protocol'],
      involves: [[...HTTP, 'trusted_proxies']],
      text: 'is on and trusted_proxies is empty: nobody would be let in',
    }
  if (http?.httpsAddr && !(http.tlsCertPath && http.tlsKeyPath))
    yield {
      path: [...HTTP, 'https_addr'],
      involves: [
        [...HTTP, 'tls_cert_path'],
        [...HTTP, 'tls_key_path'],
      ],
      text: 'needs tls_cert_path and tls_key_path',
    }
}

/** What each hook says about its own options. */
function* hooks(settings: Settings): Generator<Relation> {
  for (const { name, options, at } of settings.hooks) {
    const definition = definitionOf(name)!
    const place = (key: string): Path => [...at, 'options', key]
    for (const key of missingKeys(definition.options, options))
      yield { path: place(key), involves: [], text: 'is missing' }
    const context = hookContext(settings, () => true)
    for (const { key, text, involves = [] } of definition.problems?.(options, context) ?? [])
      yield { path: key === 'name' ? [...at, key] : place(key), involves: involves.map(place), text }
  }
}

/** Two keys of the site under one name would be two types of value in one place. */
function* sharedNames(settings: Settings): Generator<Relation> {
  const passkeys = findHook(settings.hooks, 'passkey approval')
  const traffic = findHook(settings.hooks, 'traffic push')
  const torrents = findHook(settings.hooks, 'torrent approval')
  const names: { name: string | undefined; path: Path }[] = []
  if (passkeys) names.push({ name: passkeys.options.setKey, path: [...passkeys.at, 'options', 'set_key'] })
  if (traffic) names.push({ name: traffic.options.streamKey, path: [...traffic.at, 'options', 'stream_key'] })
  if (torrents) names.push({ name: torrents.options.setKey, path: [...torrents.at, 'options', 'set_key'] })
  for (const [index, { name, path }] of names.entries()) {
    const first = names.slice(0, index).find((other) => name !== undefined && other.name === name)
    if (first)
      yield { path, involves: [first.path], text: `${name} is the name of ${showPath(first.path)} too` }
  }
}

function* brokers({ storage, hooks: all }: Settings): Generator<Relation> {
  const broker: Path = [...STORAGE, 'redis_broker']
  const own = storage.config.connection
  const withBroker = [findHook(all, 'passkey approval'), findHook(all, 'traffic push')].filter(
    (hook) => !!hook,
  )
  const first = own ?? withBroker.find(({ options }) => options.redisBroker)?.options.redisBroker
  if (first === undefined)
    yield {
      path: broker,
      involves: [
        [...TOP, 'storage', 'name'],
        ...withBroker.map(({ at }) => [...at, 'options', 'redis_broker']),
      ],
      text: 'is missing; write it, for example redis://127.0.0.1:6379/0, or set REDIS_URL',
    }
  for (const { options, at } of withBroker)
    if (first && options.redisBroker && !isSameRedis(first, options.redisBroker))
      yield {
        path: [...at, 'options', 'redis_broker'],
        involves: [broker],
        text: 'is another Redis than the one used elsewhere in this file; one announce is one script, so hooks and storage share one Redis',
      }
}

const EVERYWHERE = ['::', '0.0.0.0']

function collides(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port === 0 || one.port !== other.port) return false
  return one.host === other.host || EVERYWHERE.includes(one.host) || EVERYWHERE.includes(other.host)
}
