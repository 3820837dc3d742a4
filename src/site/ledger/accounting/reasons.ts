import type { Opening } from './generations.ts'

/** Why an entry credited what it did. */
export type Reason =
  | Opening
  | 'impossible'
  | 'growth'
  | 'overlap'
  | 'covered'
  | 'blind'
  | 'overtaken'
  | 'forgotten'

/** A sentence for staff on each reason, and on lines without an entry. The only place that words them. */
export const REASONS: Readonly<Record<Reason | 'recovered' | 'counted', string>> = {
  first: 'first announce of this client: its totals are where counting begins',
  reset: 'the client counts from a lower total again: counting begins there',
  baseline: 'the tracker had no record of this client: its totals are where counting goes on',
  restart: 'the client had restarted while Redis was rolled back: counting begins anew',
  impossible: 'more than a client can move in that time: not credited, counting goes on from these totals',
  growth: 'growth of its totals',
  overlap: 'growth of its totals, except for a part that was credited before',
  covered: 'all of it was credited before',
  blind: 'as its producer says, which names no totals',
  overtaken: 'from a state of Redis that was undone; nothing of it is new',
  forgotten: 'older than what the ledger remembers: not credited',
  recovered: 'entries were lost at that time, and the totals of the client show what they held',
  counted: 'entries were lost at that time; not credited, since this ledger only counts such bytes',
}

/** Reasons of entries that opened a generation: the journal keeps them, also without bytes. */
export const OPENING_REASONS: ReadonlySet<string> = new Set<Reason>([
  'first',
  'reset',
  'baseline',
  'restart',
  'impossible',
])

/** Of those, the ones in which counters went back, or forward by more than is possible. */
export const RESET_REASONS: ReadonlySet<string> = new Set<Reason>(['reset', 'restart', 'impossible'])
