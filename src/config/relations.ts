import { isCovered } from '../bittorrent/routePattern.ts'
import { type Path, type Problem, showPath } from './problem.ts'
import { isSameRedis } from './redisUrl.ts'
import { findHook, type Settings } from './settings.ts'
import { type ListenAddress, showSeconds } from './values.ts'

/** A problem between keys. It is the file's only when none of the keys it involves is wrong by itself. */
interface Relation extends Problem {
  readonly involves: readonly Path[]
}

const TOP: Path = ['chihaya']
const STORAGE: Path = ['chihaya', 'storage', 'config']

/**
 * What must hold between keys that are each fine alone.
 *
 * @param wrong paths already reported; a relation that involves one of them is not reported
 * @param hasRedisUrl REDIS_URL is set, so that brokers in the file do not count
 */
export function relationProblems(
  settings: Settings,
  wrong: readonly Path[],
  hasRedisUrl: boolean,
): Problem[] {
  const relations = [
    ...timing(settings),
    ...frontends(settings),
    ...hooks(settings),
    ...sharedNames(settings),
    ...risk(settings),
    ...deniers(settings),
    ...(hasRedisUrl ? [] : brokers(settings)),
  ]
  const isTouched = (path: Path) => wrong.some((other) => isPrefix(path, other) || isPrefix(other, path))
  return relations.filter(({ path, involves }) => ![path, ...involves].some(isTouched))
}

function* timing({ announce_interval, min_announce_interval, storage }: Settings): Generator<Relation> {
  const interval: Path = [...TOP, 'announce_interval']
  const lifetime: Path = [...STORAGE, 'peer_lifetime']
  const { peer_lifetime, accounting_ttl } = storage.config
  if (min_announce_interval > announce_interval)
    yield {
      path: [...TOP, 'min_announce_interval'],
      involves: [interval],
      text: `${showSeconds(min_announce_interval)} is above announce_interval, ${showSeconds(announce_interval)}`,
    }
  if (peer_lifetime <= announce_interval)
    yield {
      path: lifetime,
      involves: [interval],
      text: `${showSeconds(peer_lifetime)} is not above announce_interval, ${showSeconds(announce_interval)}: peers would be dropped before they come back`,
    }
  if (accounting_ttl < peer_lifetime)
    yield {
      path: [...STORAGE, 'accounting_ttl'],
      involves: [lifetime],
      text: `${showSeconds(accounting_ttl)} is below peer_lifetime, ${showSeconds(peer_lifetime)}: a live peer would lose its baseline`,
    }
}

function* frontends(settings: Settings): Generator<Relation> {
  const { http, udp, metrics_addr } = settings
  if (!http && !udp)
    yield {
      path: [...TOP, 'http'],
      involves: [[...TOP, 'udp']],
      text: 'is missing, and so is udp: nothing would be served',
    }
  for (const [name, section] of [
    ['http', http],
    ['udp', udp],
  ] as const) {
    if (!section) continue
    const at = [...TOP, name]
    const { addr, default_numwant, max_numwant } = section
    if (addr === undefined && !(name === 'http' && http?.https_addr))
      yield {
        path: [...at, 'addr'],
        involves: [[...at, 'https_addr']],
        text: 'is missing; for example ":6969"',
      }
    if (default_numwant > max_numwant)
      yield {
        path: [...at, 'default_numwant'],
        involves: [[...at, 'max_numwant']],
        text: `${default_numwant} is above max_numwant, ${max_numwant}`,
      }
  }
  if (!http) return
  const at = [...TOP, 'http']
  for (const [index, route] of http.scrape_routes.entries()) {
    const by = http.announce_routes.find((announce) => isCovered(route, announce))
    if (by !== undefined)
      yield {
        path: [...at, 'scrape_routes', index],
        involves: [[...at, 'announce_routes']],
        text: `${route} would never be reached: ${by} in announce_routes takes its requests`,
      }
  }
  for (const key of ['addr', 'https_addr'] as const)
    if (http[key] && metrics_addr && collides(http[key], metrics_addr))
      yield {
        path: [...TOP, 'metrics_addr'],
        involves: [[...at, key]],
        text: `port ${metrics_addr.port} is taken by http.${key}`,
      }
  if (http.addr && http.https_addr && collides(http.addr, http.https_addr))
    yield {
      path: [...at, 'https_addr'],
      involves: [[...at, 'addr']],
      text: `port ${http.https_addr.port} is taken by http.addr`,
    }
  if (http.proxy_protocol && http.trusted_proxies.length === 0)
    yield {
      path: [...at, 'proxy_protocol'],
      involves: [[...at, 'trusted_proxies']],
      text: 'is on and trusted_proxies is empty: nobody would be let in',
    }
  if (http.https_addr && !(http.tls_cert_path && http.tls_key_path))
    yield {
      path: [...at, 'https_addr'],
      involves: [
        [...at, 'tls_cert_path'],
        [...at, 'tls_key_path'],
      ],
      text: 'needs tls_cert_path and tls_key_path',
    }
}

/** Two keys of the site under one name would be two types of value in one place. */
function* sharedNames(settings: Settings): Generator<Relation> {
  const passkeys = findHook(settings, 'passkey approval')
  const traffic = findHook(settings, 'traffic push')
  const torrents = findHook(settings, 'torrent approval')
  const names: { name: string | undefined; path: Path }[] = []
  if (passkeys) names.push({ name: passkeys.options.set_key, path: [...passkeys.at, 'options', 'set_key'] })
  if (traffic)
    names.push({ name: traffic.options.stream_key, path: [...traffic.at, 'options', 'stream_key'] })
  if (torrents) names.push({ name: torrents.options.set_key, path: [...torrents.at, 'options', 'set_key'] })
  for (const [index, { name, path }] of names.entries()) {
    const first = names.slice(0, index).find((other) => name !== undefined && other.name === name)
    if (first)
      yield { path, involves: [first.path], text: `${name} is the name of ${showPath(first.path)} too` }
  }
}

const JWT_KEYS = ['issuer', 'audience', 'jwk_set_url'] as const

function* hooks(settings: Settings): Generator<Relation> {
  const jwt = findHook(settings, 'jwt')
  for (const key of jwt ? JWT_KEYS : [])
    if (jwt!.options[key] === undefined)
      yield { path: [...jwt!.at, 'options', key], involves: [], text: 'is missing' }

  for (const name of ['client approval', 'torrent approval'] as const) {
    const hook = findHook(settings, name)
    if (!hook || hook.options.whitelist.length === 0) continue
    const at = [...hook.at, 'options']
    if (hook.options.blacklist.length > 0)
      yield {
        path: [...at, 'blacklist'],
        involves: [[...at, 'whitelist']],
        text: 'stands beside a whitelist, which leaves nothing to it; keep one of them',
      }
    if ('set_key' in hook.options && hook.options.set_key !== undefined)
      yield {
        path: [...at, 'set_key'],
        involves: [[...at, 'whitelist']],
        text: 'stands beside a whitelist; put its infohashes into the set',
      }
  }

  const passkeys = findHook(settings, 'passkey approval')
  if (passkeys && !passkeys.options.whitelist && passkeys.options.http_url === undefined)
    yield {
      path: [...passkeys.at, 'options', 'whitelist'],
      involves: [[...passkeys.at, 'options', 'http_url']],
      text: 'is false and http_url is missing: nobody would be let in',
    }

  const limit = findHook(settings, 'peer limit')
  if (limit && !findHook(settings, 'passkey approval'))
    yield {
      path: [...limit.at, 'name'],
      involves: [],
      text: '"peer limit" counts sessions of a passkey, so it needs the hook passkey approval',
    }
}

function* risk({ risk: section }: Settings): Generator<Relation> {
  const at: Path = [...TOP, 'risk']
  const { evaluation_delay, shared_identity } = section
  if (shared_identity.action !== 'off' && shared_identity.min_overlap > evaluation_delay)
    yield {
      path: [...at, 'shared_identity', 'min_overlap'],
      involves: [[...at, 'evaluation_delay']],
      text: `${showSeconds(shared_identity.min_overlap)} is above evaluation_delay, ${showSeconds(evaluation_delay)}: nobody would be seen for so long`,
    }
}

function* deniers(settings: Settings): Generator<Relation> {
  const approval = findHook(settings, 'passkey approval')
  if (approval?.options.whitelist) return
  for (const [name, rule] of Object.entries(settings.risk))
    if (typeof rule === 'object' && 'action' in rule && rule.action === 'deny')
      yield {
        path: [...TOP, 'risk', name, 'action'],
        involves: approval ? [[...approval.at, 'options', 'whitelist']] : [],
        text: 'deny takes passkeys off the whitelist, so it needs the hook passkey approval, and a whitelist',
      }
}

function* brokers(settings: Settings): Generator<Relation> {
  const broker: Path = [...STORAGE, 'redis_broker']
  const own = settings.storage.config.redis_broker
  const hooks = [findHook(settings, 'passkey approval'), findHook(settings, 'traffic push')].filter(
    (hook) => !!hook,
  )
  const first = own ?? hooks.find(({ options }) => options.redis_broker)?.options.redis_broker
  if (first === undefined)
    yield {
      path: broker,
      involves: [[...TOP, 'storage', 'name'], ...hooks.map(({ at }) => [...at, 'options', 'redis_broker'])],
      text: 'is missing; write it, for example redis://127.0.0.1:6379/0, or set REDIS_URL',
    }
  for (const { options, at } of hooks)
    if (first && options.redis_broker && !isSameRedis(first, options.redis_broker))
      yield {
        path: [...at, 'options', 'redis_broker'],
        involves: [broker],
        text: 'is another Redis than the one used elsewhere in this file; one announce is one script, so hooks and storage share one Redis',
      }
}

function isPrefix(short: Path, long: Path): boolean {
  return short.length <= long.length && short.every((key, index) => key === long[index])
}

const EVERYWHERE = ['::', '0.0.0.0']

function collides(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port === 0 || one.port !== other.port) return false
  return one.host === other.host || EVERYWHERE.includes(one.host) || EVERYWHERE.includes(other.host)
}
