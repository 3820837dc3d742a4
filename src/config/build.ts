import { optionsOf } from '../tracker/hooks/list.ts'
import type { Config } from './config.ts'
import type { PlacedHook } from './hooks.ts'
import type { RedisConnection } from './redisUrl.ts'
import type { Entries, Values } from './section.ts'
import { type ChihayaValues, httpSection, redisKeys, swarmKeys } from './sections.ts'
import type { TlsPair } from './tlsPair.ts'

/** The checked sections: what relations are checked on and a Config is built from. */
export type Settings = Omit<ChihayaValues, 'prehooks' | 'posthooks'> & {
  readonly hooks: readonly PlacedHook[]
}

/** Where an encrypted credential may stand, before the names that the file gives. */
const CREDENTIAL_PARAM = 'credential'

/** Sections that are checked, and what follows from several of them. effective.ts is the way back. */
export function buildConfig(
  { storage, http, udp, hooks: placed, ...rest }: Settings,
  connection: RedisConnection,
  tls: TlsPair | undefined,
): Config {
  const hooks = placed.map(({ at: _, ...hook }) => withoutBroker(hook))
  const passkeyApproval = optionsOf(hooks, 'passkey approval')
  const { announceRoutes, passkeyParams: own } = http ?? httpSection.parse({})
  const passkeyParams = passkeyApproval?.encryptionKey ? [...new Set([CREDENTIAL_PARAM, ...own])] : own
  const { tlsCertPath: _, tlsKeyPath: __, ...httpValues } = http ?? httpSection.parse({})
  return {
    ...rest,
    http: http && { ...httpValues, tls, passkeyParams },
    udp: udp && { ...udp, addr: udp.addr!, announceRoutes, passkeyParams }, // relations.ts refuses a section without addr
    redis: { ...pick(storage.config, redisKeys), connection },
    swarm: pick(storage.config, swarmKeys),
    hooks,
    passkeyApproval,
    trafficPush: optionsOf(hooks, 'traffic push'),
    torrentApproval: optionsOf(hooks, 'torrent approval'),
  }
}

/** Storage and hooks share one Redis, which stands in `redis`. */
function withoutBroker<Hook extends { readonly options: object }>(hook: Hook): Hook {
  if (!('redisBroker' in hook.options)) return hook
  return { ...hook, options: { ...hook.options, redisBroker: undefined } }
}

function pick<E extends Entries>(values: Values<E>, entries: E): Values<E> {
  return Object.fromEntries(Object.keys(entries).map((name) => [name, values[name]])) as Values<E>
}
