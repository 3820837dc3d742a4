import type { Redis } from 'ioredis'
import { parseInfohash, parsePeerId } from '../../bittorrent/bytes20.ts'
import type { Passkey } from '../../bittorrent/types.ts'
import { type StoreErrorKind, storeErrorKind } from '../../redis/errorKind.ts'
import type { Keys } from '../../redis/keys.ts'
import { rootMessage } from '../../runtime/errors.ts'
import { probeScript } from './scripts/probe.ts'
import { announceKeys } from './swarmStore.ts'
import { wrongTypes } from './wrongTypes.ts'

/** A session that no client has. */
const UNUSED = {
  infohash: parseInfohash('0'.repeat(40))!,
  peerId: parsePeerId('0'.repeat(40))!,
  passkey: 'probe' as Passkey,
}
const MOST_SHOWN = 3

/** Causes that an operator can act on. The first word of Redis' own error follows in brackets. */
const CAUSES: Partial<Record<StoreErrorKind, string>> = {
  'read only': 'redis is a replica and takes no writes: connect to the primary',
  'no replicas': 'redis refuses writes, too few replicas are connected for min-replicas-to-write',
  'cannot save': 'redis refuses writes, it cannot save to disk: see the log of Redis',
  'out of memory': 'redis refuses writes, its memory is full (maxmemory)',
  'master down': 'redis is a replica that has lost its primary',
  'not permitted':
    'the Redis user may not run the announce script on its keys: redswarm doctor names the rights',
  loading: 'redis is loading its data',
  busy: 'redis is busy with a script',
  cluster: 'redis is a node of a Redis Cluster, which is not supported',
}

/** What announces use under a configuration. */
export interface ProbeOptions {
  readonly checksPasskeys: boolean
  readonly checksTorrents: boolean
  readonly isTraffic: boolean
}

/** Why announces fail now, in words; empty when they do not. Asks Redis once, on the announce's own keys. */
export async function whyAnnouncesFail(redis: Redis, keys: Keys, options: ProbeOptions): Promise<string> {
  const flag = (isSet: boolean) => (isSet ? '1' : '0')
  try {
    const missing = await probeScript(redis, announceKeys(keys, UNUSED), {
      checksPasskeys: flag(options.checksPasskeys),
      checksTorrents: flag(options.checksTorrents),
      isTraffic: flag(options.isTraffic),
    })
    return missing.length === 0 ? '' : inWords(missing)
  } catch (error) {
    return causeOf(error, redis, keys)
  }
}

function inWords(missing: readonly string[]): string {
  const more = missing.length > MOST_SHOWN ? ` and ${missing.length - MOST_SHOWN} more` : ''
  return `the Redis user may not run ${missing.slice(0, MOST_SHOWN).join(', ')}${more} (NOPERM): redswarm doctor names the rights`
}

async function causeOf(error: unknown, redis: Redis, keys: Keys): Promise<string> {
  const kind = storeErrorKind(error)
  const text = rootMessage(error)
  if (kind === 'timeout' || kind === 'connection') return 'redis does not answer'
  if (kind === 'wrong type') {
    const wrong = await wrongTypes(redis, keys)
    return wrong.length > 0 ? `${wrong.join(', ')} (WRONGTYPE)` : text
  }
  const cause = CAUSES[kind]
  return cause === undefined ? `redis refuses announces: ${text}` : `${cause} (${/^[A-Z]+/.exec(text)?.[0]})`
}
