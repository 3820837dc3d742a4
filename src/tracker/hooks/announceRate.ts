import { section } from '../../config/section.ts'
import { share } from '../../config/values.ts'
import type { Hook } from '../core/tracker.ts'
import { defineHook } from './hook.ts'

/**
 * Announces far below the minimum interval get a warning and no peers, and are credited all the same. The announce
 * script decides, since it knows when each address family of a session came last; `completed` and `stopped` are exempt.
 */
export function announceRate({ threshold }: { readonly threshold: number }): Hook {
  return {
    name: 'announce rate',
    announce(_, plan) {
      plan.earlySeconds = Math.floor(plan.minIntervalSeconds * threshold)
    },
  }
}

export const announceRateHook = defineHook({
  name: 'announce rate',
  options: section({
    /** Share of the minimum interval: a client that comes back sooner gets no peers. */
    threshold: ['threshold', share.prefault(0.5)],
  }),
  create: announceRate,
})
