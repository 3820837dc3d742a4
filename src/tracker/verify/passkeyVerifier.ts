import { maskPasskey } from '../../bittorrent/passkey.ts'
import type { Passkey } from '../../bittorrent/types.ts'
import { createTokenBucket, type TokenBucket } from '../../runtime/tokenBucket.ts'
import type { PasskeyVerdict, PasskeyVerifier, VerdictCache } from '../core/ports.ts'
import type { SiteAnswer, SiteClient } from './passkeyVerifierHttp.ts'

/** Who decided: the site, what it said a moment ago, or our own bounds on asking it. */
export type DecisionSource = 'site' | 'recent' | 'bounds'

/** One answer of the site, as the audit log has it. */
export interface VerifyAudit {
  readonly action: 'verify passkey'
  /** Masked. */
  readonly subject: string
  readonly result: SiteAnswer['verdict']
  readonly reason: string
  readonly ms: number
}

export interface PasskeyVerifierOptions {
  readonly site: Pick<SiteClient, 'ask'>
  readonly cache: VerdictCache
  /** Calls under way at once; one more is `unavailable`. */
  readonly maxConcurrency: number
  /** Calls a second, at most that many at once; one more is `unavailable`. */
  readonly ratePerSecond: number
  /** Told of every call of the site. */
  readonly audit: (line: VerifyAudit) => void
  /** Told of every verdict; `seconds` is the call's duration when the site was asked. */
  readonly observe?: (source: DecisionSource, result: SiteAnswer['verdict'], seconds?: number) => void
  /** Told when the fleet's cache did not take a verdict, which counts all the same. */
  readonly onCacheFailure?: (error: Error) => void
  /** Shared by verifiers that follow one another in a process, so that a reload does not lift the bounds. */
  readonly load?: VerifyLoad
  /** A clock that never goes back. */
  readonly nowMs?: () => number
}

/** A verdict counts a moment longer in this process than its call takes, for announces that Redis answered before it knew. */
const RECENT_MS = 1_000
/** An endpoint that is down is not asked for the same passkey again for this long. */
const UNAVAILABLE_MS = 5_000

interface Asked {
  readonly verdict: Promise<PasskeyVerdict>
  /** Infinity while the call is under way. */
  untilMs: number
}

/** What a process has the site bear at this moment, and what it said a moment ago. */
export interface VerifyLoad {
  readonly asked: Map<Passkey, Asked>
  underWay: number
  bucket: TokenBucket | undefined
}

export const createVerifyLoad = (): VerifyLoad => ({ asked: new Map(), underWay: 0, bucket: undefined })

/** Asks the site, one call per passkey at a time and never more than it should have to bear. */
export function createPasskeyVerifier(options: PasskeyVerifierOptions): PasskeyVerifier {
  const { site, cache, maxConcurrency, audit, observe, onCacheFailure } = options
  const nowMs = options.nowMs ?? (() => performance.now())
  const load = options.load ?? createVerifyLoad()
  const { asked } = load
  const bucket = load.bucket ?? createTokenBucket(options.ratePerSecond, nowMs)
  bucket.setRate(options.ratePerSecond)
  load.bucket = bucket

  async function ask(passkey: Passkey): Promise<PasskeyVerdict> {
    const startedMs = nowMs()
    const { verdict, reason } = await askSite(passkey)
    const ms = nowMs() - startedMs
    audit({
      action: 'verify passkey',
      subject: maskPasskey(passkey),
      result: verdict,
      reason,
      ms: Math.round(ms),
    })
    observe?.('site', verdict, ms / 1000)
    return remember(passkey, verdict)
  }

  async function askSite(passkey: Passkey): Promise<SiteAnswer> {
    load.underWay++
    try {
      return await site.ask(passkey)
    } finally {
      load.underWay--
    }
  }

  async function remember(passkey: Passkey, verdict: PasskeyVerdict): Promise<PasskeyVerdict> {
    try {
      if (verdict === 'approved') await cache.accept(passkey)
      if (verdict === 'rejected') await cache.reject(passkey)
    } catch (error) {
      onCacheFailure?.(error as Error)
    }
    return verdict
  }

  /** The oldest come first; how many there are is bounded by the rate. */
  function forgetOld(now: number): void {
    for (const [passkey, { untilMs }] of asked) {
      if (untilMs > now) return
      asked.delete(passkey)
    }
  }

  return {
    verify(passkey) {
      const now = nowMs()
      const before = asked.get(passkey)
      if (before && before.untilMs > now) {
        if (before.untilMs !== Number.POSITIVE_INFINITY)
          before.verdict.then((verdict) => observe?.('recent', verdict))
        return before.verdict
      }
      asked.delete(passkey)
      forgetOld(now)
      if (load.underWay >= maxConcurrency || !bucket.take()) {
        observe?.('bounds', 'unavailable')
        return Promise.resolve('unavailable')
      }
      const call: Asked = { verdict: ask(passkey), untilMs: Number.POSITIVE_INFINITY }
      asked.set(passkey, call)
      call.verdict.then((verdict) => {
        call.untilMs = nowMs() + (verdict === 'unavailable' ? UNAVAILABLE_MS : RECENT_MS)
      })
      return call.verdict
    },
  }
}
