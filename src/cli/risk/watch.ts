import { maskPasskey } from '../../bittorrent/passkey.ts'
import { rootMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import { createRiskEvaluator, type RiskLedger } from '../../site/risk/evaluator.ts'
import type { RiskFlag } from '../../site/risk/flags.ts'
import type { RuleName } from '../../site/risk/rules/list.ts'
import type { SiteConfig } from '../loadSiteConfig.ts'
import { withPasskeys } from '../passkeys/change.ts'

const AGAIN_AFTER_MS = 30_000
const SAY_AGAIN_MS = 300_000

/** The part of a configuration that says what the rules are and where the whitelist is. */
export type RiskPlace = Pick<SiteConfig, 'redis' | 'passkeyApproval' | 'risk'>

/** For `deny`: takes a passkey off the whitelist, audited on stderr under the rule's name. Connects for this one passkey. */
export const denyBy = (place: RiskPlace) => (passkey: string, flag: RiskFlag) =>
  withPasskeys(
    { config: place, json: false, actor: `risk rule ${flag.rule}, flag ${flag.flag}`, out: () => {} },
    (list) => list.remove([passkey]),
  )

/** Judges windows beside the settling. */
export interface RiskWatch {
  /** To be told up to when all traffic is settled, Unix seconds. Returns at once; one evaluation runs at a time. */
  readonly closed: (settledUpTo: number) => Promise<void>
  /** Resolves when the window in hand is judged, or given up because the database does not answer. */
  close(): Promise<void>
}

/**
 * A rule that fails, or a Redis that does not answer to a `deny`, is logged and tried again later; settling goes on.
 *
 * @param count told of each new flag's rule
 */
export function createRiskWatch(
  ledger: RiskLedger,
  place: RiskPlace,
  { log, count }: { readonly log: Logger; readonly count: (rule: RuleName) => void },
): RiskWatch {
  const quiet = createQuietLog(SAY_AGAIN_MS)
  const evaluator = createRiskEvaluator(ledger, {
    ...place.risk,
    deny: denyBy(place),
    onFlag(flag) {
      count(flag.rule)
      if (flag.action !== 'shadow') log.warn(logFields(flag), 'risk flag')
    },
  })
  let running: Promise<void> | undefined
  let isClosing = false
  let notBeforeMs = Number.NEGATIVE_INFINITY

  const judge = async (settledUpTo: number) => {
    try {
      let isMoreLeft = true
      while (isMoreLeft && !isClosing) ({ isMoreLeft } = await evaluator.evaluateUpTo(settledUpTo, 1))
    } catch (error) {
      notBeforeMs = performance.now() + AGAIN_AFTER_MS
      quiet.report('risk', (repeated) =>
        log.error({ err: rootMessage(error), repeated }, 'the risk rules are not done; trying again'),
      )
    }
  }
  return {
    async closed(settledUpTo) {
      if (isClosing || performance.now() < notBeforeMs) return
      running ??= judge(settledUpTo).finally(() => {
        running = undefined
      })
    },
    async close() {
      isClosing = true
      await running
    },
  }
}

function logFields({ flag, rule, severity, action, passkey, infohash, summary }: RiskFlag) {
  const user = passkey === undefined ? undefined : maskPasskey(passkey)
  return { flag, rule, severity, action, user, infohash, summary }
}
