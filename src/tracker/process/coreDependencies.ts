import type { Redis } from 'ioredis'
import type { Metrics } from '../../metrics/registry.ts'
import { storeErrorKind } from '../../redis/errorKind.ts'
import { rootMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { QuietLog } from '../../runtime/quietLog.ts'
import type { SiteList } from '../core/tracker.ts'
import { createRedisClock } from '../store/redisClock.ts'
import type { CallCount } from '../store/swarmStore.ts'
import { createTorrentAliases, type FollowedAliases } from '../store/torrentAliases.ts'
import { createVerifyLoad } from '../verify/passkeyVerifier.ts'
import type { CoreDependencies } from './createCore.ts'
import type { VerifyDependencies } from './siteVerifier.ts'
import { createStallWatch, type StallWatch } from './stallWatch.ts'

export interface Observers {
  readonly metrics: Metrics
  readonly log: Logger
  readonly quiet: QuietLog
}

/** What the log says while a list of the site's is not there. */
const MISSING: Record<SiteList, string> = {
  passkeys:
    'there is no list of passkeys, clients are asked to come back; run "redswarm passkeys import FILE", or "redswarm doctor" if there was one',
  torrents:
    'there is no list of torrents, clients are asked to come back; have the site write it (docs/hooks.md), or take set_key out of torrent approval',
}

/** Connects what a core reports with the log and the metrics. One object serves all cores of the process. */
export function createCoreDependencies(
  redis: Redis,
  calls: CallCount,
  aliases: FollowedAliases,
  isStalled: () => boolean,
  observers: Observers,
): CoreDependencies {
  const { metrics, log, quiet } = observers
  return {
    redis,
    aliases,
    isStalled,
    calls,
    redisClock: createRedisClock(),
    keySets: new Map(),
    onKeySetFailure: (error) =>
      quiet.report('jwt', (repeated) =>
        log.error({ err: rootMessage(error), repeated }, 'no new JWK set, the last good one stays'),
      ),
    onListMissing: (list, key) =>
      quiet.report(`${list} missing`, (repeated) => log.warn({ key, repeated }, MISSING[list])),
    verify: verifyDependencies(observers),
    onCall: metrics.observeStoreCall,
    onUnavailable(error) {
      metrics.countStoreFailure()
      metrics.countScriptError(storeErrorKind(error))
    },
  }
}

/** Watches this process for standing still longer than a call may take. */
export function watchStalls(storeTimeoutMs: number, log: Logger, quiet: QuietLog): StallWatch {
  return createStallWatch({
    limitMs: storeTimeoutMs,
    onStall: (stalledMs) =>
      quiet.report('stall', (repeated) =>
        log.warn(
          { stalledMs, repeated },
          'this process stood still, clients whose requests waited are asked to come back',
        ),
      ),
  })
}

/** Follows the site's list of hybrid torrents and logs what is wrong with it. */
export function followAliases(redis: Redis, key: string, log: Logger, quiet: QuietLog): FollowedAliases {
  return createTorrentAliases({
    redis,
    key,
    onFailure: (error) =>
      quiet.report('aliases', (repeated) =>
        log.warn({ err: error.message, repeated }, 'the list of hybrid torrents cannot be read'),
      ),
    onMalformed: (fields) =>
      quiet.report('malformed aliases', (repeated) =>
        log.warn(
          { fields, repeated },
          'hybrid torrents left out: field or value is not an infohash of 40 hex digits',
        ),
      ),
  })
}

function verifyDependencies({ metrics, log, quiet }: Observers): VerifyDependencies {
  return {
    load: createVerifyLoad(),
    audit: (line) => log.info(line, 'the site was asked about a passkey'),
    observe(source, result, seconds) {
      metrics.countPasskeyDecision(source, result, seconds)
      if (source !== 'bounds') return
      quiet.report('verify bounds', (repeated) =>
        log.warn(
          { repeated },
          'more unlisted passkeys than the site may be asked about, clients are asked to come back',
        ),
      )
    },
    onCacheFailure: (error) =>
      quiet.report('verify cache', (repeated) =>
        log.error({ err: rootMessage(error), repeated }, "the site's verdict could not be remembered"),
      ),
  }
}
