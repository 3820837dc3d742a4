import type { SessionRow } from './accounting/batch.ts'
import { type KnownLosses, knownLosses, type Loss } from './accounting/knownLosses.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { asNumber } from './sql/tables.ts'
import type { Row, Tx } from './sql/transaction.ts'

/**
 * Every time in which Redis or the stream lost something, as the ledger has it: a new epoch of Redis lost what was not
 * settled in the one before, and dead letters stand for entries that credited nothing.
 */
export interface LedgerLosses {
  /** By the times of the entries around them. */
  readonly byTime: KnownLosses
  /** By the IDs of the entries that are missing. */
  readonly byId: KnownLosses
}

export async function readLosses(tx: Tx, { reads }: LedgerContext): Promise<LedgerLosses> {
  const [epochs, deadLetters] = [await tx.rows(reads.redisEpochs), await tx.rows(reads.losses)]
  const timed = deadLetters.filter(({ next_ts }) => next_ts !== null)
  const others = deadLetters.filter(({ next_ts }) => next_ts === null)
  return {
    byTime: knownLosses([...epochLosses(epochs), ...timed.map(lossBefore)]),
    byId: knownLosses(others.map(lossById)),
  }
}

/**
 * The losses as a session sees them. IDs never step back, the times of entries may: the session's newest entry says how far
 * they are apart.
 */
export function lossesFor({ session, newest }: SessionRow, losses: LedgerLosses): KnownLosses {
  const aheadSeconds = session.last - Math.floor(newest.ms / 1000)
  return {
    areBetween: (one, other) =>
      losses.byTime.areBetween(one, other) ||
      losses.byId.areBetween(one - aheadSeconds, other - aheadSeconds),
  }
}

/** From the first entry of one epoch, whose last is not written down, to the first of the next. */
function epochLosses(epochs: readonly Row[]): Loss[] {
  const firsts = epochs.map(({ first_seen }) => asNumber(first_seen))
  return firsts.slice(1).map((toSeconds, before) => ({ fromSeconds: firsts[before]!, toSeconds }))
}

/** What was lost lies before this entry. */
function lossBefore({ next_ts }: Row): Loss {
  const seconds = asNumber(next_ts)
  return { fromSeconds: seconds, toSeconds: seconds }
}

/** A loss is noted with the ID of the first entry that is missing; an entry, with its own. */
function lossById({ kind, first_ms, last_ms, noted_at }: Row): Loss {
  const [fromSeconds, lastSeconds] = [first_ms, last_ms].map((ms) => Math.floor(asNumber(ms) / 1000))
  const toSeconds = kind === 'loss' ? Math.max(asNumber(noted_at), lastSeconds!) : lastSeconds!
  return { fromSeconds: fromSeconds!, toSeconds }
}
