import { ShrinkRefused } from './passkeyErrors.ts'

/** What a swap of the whole list may do, and who is told of it. */
export interface SwapOptions {
  /** Refuses to leave the list smaller by more than this share of it, in percent, 0 to 100; 10 unless told. */
  readonly maxShrinkPercent?: number | undefined
  /** Swaps whatever the difference is. */
  readonly force?: boolean | undefined
  /** Does everything but the swap. */
  readonly dryRun?: boolean | undefined
  /** Called before each try to swap, also before one that is refused; the list changing meanwhile makes another try. */
  readonly onDifference?: ((difference: Difference) => void | Promise<void>) | undefined
  readonly onProgress?: ((progress: SwapProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** How long a killed import keeps others out; 15,000 unless told. */
  readonly lockTtlMs?: number | undefined
}

/** How far a swap has come. */
export interface SwapProgress {
  readonly stage: 'snapshot' | 'reading' | 'comparing'
  /** Passkeys. */
  readonly done: number
  /** undefined: not known. */
  readonly total: number | undefined
}

/** The new list against the one it replaces. */
export interface Difference {
  readonly before: number
  readonly after: number
  readonly added: number
  readonly removed: number
  readonly kept: number
}

/** What a swap did, or would have done with `dryRun`. */
export interface SwapOutcome extends Difference {
  readonly swapped: boolean
  /** Passkeys that came more than once; each further time counts. */
  readonly duplicates: number
  /** Passkeys that others changed meanwhile, so that the list decided and not the source. */
  readonly changedMeanwhile: number
}

/** A list of this size of which nothing is left was rather the wrong column. */
const WHOLE_CHANGE_FROM = 100
const MAX_SHRINK_PERCENT = 10

/** Throws RangeError for a bound that would bound nothing. */
export function requireShrinkPercent({ maxShrinkPercent = MAX_SHRINK_PERCENT }: SwapOptions): void {
  if (!(maxShrinkPercent >= 0 && maxShrinkPercent <= 100))
    throw new RangeError(`maxShrinkPercent ${maxShrinkPercent} is not 0 to 100`)
}

/** Throws ShrinkRefused when the new list would lose more than the options allow. */
export function refuseLoss(
  { before, after, kept }: Difference,
  { force, maxShrinkPercent = MAX_SHRINK_PERCENT }: SwapOptions,
): void {
  if (force) return
  const number = (count: number) => count.toLocaleString('en')
  const shrinkPercent = (100 * (before - after)) / before
  if (before > 0 && shrinkPercent > maxShrinkPercent) {
    throw new ShrinkRefused(
      `the list would shrink from ${number(before)} to ${number(after)} passkeys, by ${shrinkPercent.toFixed(1)} %, ` +
        `more than the ${maxShrinkPercent} % of --max-shrink; nothing was changed, --force swaps all the same`,
    )
  }
  if (before >= WHOLE_CHANGE_FROM && kept === 0) {
    throw new ShrinkRefused(
      `none of the ${number(before)} listed passkeys is in the new list: is it the right column? ` +
        'Nothing was changed, --force swaps all the same',
    )
  }
}
