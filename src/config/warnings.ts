import { definitionOf } from '../tracker/hooks/list.ts'
import type { Settings } from './build.ts'
import { findHook, hookContext } from './hooks.ts'
import { type Path, type Problem, showProblem } from './problem.ts'
import type { UnusedKeys } from './section.ts'
import { storageSection } from './sections.ts'
import type { SiteSections } from './siteSections.ts'
import { showSeconds } from './values.ts'

/** Clients announce up to a minute or two late; a busy network adds to it. */
const LEAST_LIFETIME_SHARE = 1.3
const SHORTEST_KEY = 16
const CHIHAYA_PLACEHOLDER = /^paste a random string here/

type IsGiven = (path: Path) => boolean

/**
 * What does not stop the start and still should be known: keys of Chihaya that do nothing here, and settings that
 * work differently than an admin who comes from Chihaya may expect.
 *
 * @param isGiven whether the file itself has the key; settings have the defaults filled in
 */
export function warningsOf(settings: Settings, sections: SiteSections, isGiven: IsGiven): string[] {
  return [
    ...unusedKeys(storageSection.unused, ['chihaya', 'storage', 'config'], isGiven),
    ...settings.hooks.flatMap(({ name, at }) =>
      unusedKeys(definitionOf(name)!.options.unused, [...at, 'options'], isGiven),
    ),
    ...timing(settings),
    ...hooks(settings, isGiven),
    ...http(settings, isGiven),
    ...udp(settings),
    ...site(settings, sections, isGiven),
  ].map(showProblem)
}

function unusedKeys(keys: UnusedKeys, at: Path, isGiven: IsGiven): Problem[] {
  return Object.entries(keys)
    .map(([key, replacement]) => ({ path: [...at, key], replacement }))
    .filter(({ path, replacement }) => typeof replacement === 'string' && isGiven(path))
    .map(({ path, replacement }) => ({ path, text: `has no effect here: ${replacement}` }))
}

function* timing({ announceIntervalSeconds, storage }: Settings): Generator<Problem> {
  const { peerLifetimeSeconds } = storage.config
  if (peerLifetimeSeconds < LEAST_LIFETIME_SHARE * announceIntervalSeconds)
    yield {
      path: ['chihaya', 'storage', 'config', 'peer_lifetime'],
      text: `${showSeconds(peerLifetimeSeconds)} is below 1.3 × announce_interval, ${showSeconds(announceIntervalSeconds)}: clients that announce a little late are not counted`,
    }
}

function* hooks(settings: Settings, isGiven: IsGiven): Generator<Problem> {
  for (const { name, options, at } of settings.hooks) {
    const place = (key: string): Path => [...at, 'options', key]
    const context = hookContext(settings, (key) => isGiven(place(key)))
    for (const { key, text } of definitionOf(name)!.warnings?.(options, context) ?? [])
      yield { path: place(key), text }
  }
}

function* http({ http, hooks: all }: Settings, isGiven: IsGiven): Generator<Problem> {
  if (!http) return
  const at = (key: string): Path => ['chihaya', 'http', key]
  if (http.realIpHeader && !isGiven(at('trusted_proxies')))
    yield {
      path: at('real_ip_header'),
      text: 'is believed from loopback and private addresses; list other proxies in trusted_proxies',
    }
  if (http.scrapeRequiresPasskey && !findHook(all, 'passkey approval'))
    yield {
      path: at('scrape_requires_passkey'),
      text: 'has no effect without the hook passkey approval, which looks at the passkey',
    }
  for (const key of http.httpsAddr ? [] : ['tls_cert_path', 'tls_key_path'])
    if (isGiven(at(key))) yield { path: at(key), text: 'has no effect without https_addr' }
}

function* udp({ udp }: Settings): Generator<Problem> {
  if (!udp) return
  const path = ['chihaya', 'udp', 'private_key']
  const key = udp.privateKey
  if (key === undefined)
    yield {
      path,
      text: 'is missing, so each instance makes its own and clients cannot move between instances',
    }
  else if (CHIHAYA_PLACEHOLDER.test(key))
    yield { path, text: 'is the text of the example file, which everybody knows; put a random one' }
  else if (key.length < SHORTEST_KEY)
    yield {
      path,
      text: `is shorter than ${SHORTEST_KEY} characters and can be guessed; put a random one`,
    }
}

function* site(settings: Settings, sections: SiteSections, isGiven: IsGiven): Generator<Problem> {
  for (const [name, section] of Object.entries(sections))
    if (isGiven(['chihaya', section.key]))
      yield* section.warnings?.((settings as Record<string, unknown>)[name], settings) ?? []
}
