import { maskPasskey } from '../bittorrent/passkey.ts'
import type { Config } from '../config/config.ts'
import { createRiskEvaluator, type RiskBooks } from '../pt/risk/evaluator.ts'
import type { RuleName } from '../pt/risk/finding.ts'
import type { RiskFlag } from '../pt/risk/flags.ts'
import { rootMessage } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import { createQuietLog } from '../runtime/quietLog.ts'
import { withPasskeys } from './passkeys.ts'

/** A backlog of windows is judged in portions: entries wait meanwhile. */
const PORTION_MS = 200
const AGAIN_AFTER_MS = 30_000
const SAY_AGAIN_MS = 300_000

/** The part of a configuration that says what the rules are and where the whitelist is. */
export type RiskPlace = Pick<Config, 'redis' | 'passkeyApproval' | 'risk'>

/** For `deny`: takes a passkey off the whitelist, audited on stderr under the rule's name. Connects for this one passkey. */
export const denyBy = (place: RiskPlace) => (passkey: string, flag: RiskFlag) =>
  withPasskeys(
    { config: place, json: false, actor: `risk rule ${flag.rule}, flag ${flag.flag}`, out: () => {} },
    (list) => list.remove([passkey]),
  )

/**
 * Judges windows beside the settling, a portion at a time. It never throws: a rule that fails, or a Redis that does not answer
 * to a `deny`, is logged and tried again later, and settling goes on.
 *
 * @param count told of each new flag's rule
 * @returns to be called with the time up to which all traffic is settled, Unix seconds
 */
export function createRiskWatch(
  ledger: RiskBooks,
  place: RiskPlace,
  { log, count }: { readonly log: Logger; readonly count: (rule: RuleName) => void },
): (settledUpTo: number) => Promise<void> {
  const quiet = createQuietLog(SAY_AGAIN_MS)
  const evaluator = createRiskEvaluator(ledger, {
    ...place.risk,
    deny: denyBy(place),
    onFlag(flag) {
      count(flag.rule)
      if (flag.action !== 'shadow') log.warn(logFields(flag), 'risk flag')
    },
  })
  let notBeforeMs = Number.NEGATIVE_INFINITY
  return async (settledUpTo) => {
    if (performance.now() < notBeforeMs) return
    try {
      const endMs = performance.now() + PORTION_MS
      while ((await evaluator.evaluateUpTo(settledUpTo, 1)).isMoreLeft && performance.now() < endMs) {}
    } catch (error) {
      notBeforeMs = performance.now() + AGAIN_AFTER_MS
      quiet.report('risk', (repeated) =>
        log.error({ err: rootMessage(error), repeated }, 'the risk rules are not done; trying again'),
      )
    }
  }
}

function logFields({ flag, rule, severity, action, passkey, infohash, summary }: RiskFlag) {
  const user = passkey === undefined ? undefined : maskPasskey(passkey)
  return { flag, rule, severity, action, user, infohash, summary }
}
