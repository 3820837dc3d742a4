import type { Redis } from 'ioredis'
import { storeErrorKind } from '../../redis/errorKind.ts'
import type { Keys } from '../../redis/keys.ts'
import { rootMessage, StoreUnavailable } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { QuietLog } from '../../runtime/quietLog.ts'
import { wrongTypes } from '../store/wrongTypes.ts'

/**
 * What the log says of requests that failed by our fault: each kind once, with its cause and the id of the request, which
 * an HTTP client was given too; then how often it came again.
 */
export function createFaultReport(
  log: Logger,
  quiet: QuietLog,
  redis: Redis,
  keys: () => Keys,
): (error: unknown, requestId: string) => void {
  return (error, requestId) => {
    if (!(error instanceof StoreUnavailable)) {
      quiet.report('fault', (repeated) => log.error({ requestId, err: error, repeated }, 'internal error'))
      return
    }
    const kind = storeErrorKind(error)
    quiet.report(kind, async (repeated) => {
      const wrong = kind === 'wrong type' ? await wrongTypes(redis, keys()) : undefined
      log.error(
        { requestId, kind, err: rootMessage(error), keys: wrong, repeated },
        'store failed, clients are asked to come back',
      )
    })
  }
}
