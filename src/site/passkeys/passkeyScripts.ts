import { defineScript } from '../../redis/script.ts'

/** Wrappers of the scripts that change the whitelist; each is one round trip and throws StoreUnavailable. */

const integer = (reply: unknown): number => {
  if (!Number.isSafeInteger(reply)) throw new TypeError('reply is not an integer')
  return reply as number
}

/** @returns how many were not listed before */
export const passkeyAddScript = defineScript({
  file: 'passkeys/passkeyAdd.lua',
  keys: ['passkeys', 'importing', 'touched'],
  args: ['...members'],
  parse: integer,
})

/** @returns how many were listed before */
export const passkeyRemoveScript = defineScript({
  file: 'passkeys/passkeyRemove.lua',
  keys: ['passkeys', 'importing', 'touched', '...accepted'],
  args: ['...members'],
  parse: integer,
})

export interface ImportLock {
  /** Of the swap under way; ours when the lock is ours, empty when the staged set is somebody else's. */
  readonly token: string
  readonly endsInMs: number
}

export const passkeyImportBeginScript = defineScript({
  file: 'passkeys/passkeyImportBegin.lua',
  keys: ['importing', 'staged', 'before', 'touched'],
  args: ['token', 'ttlMs'],
  parse: (reply): ImportLock => {
    const [token, endsInMs] = reply as [unknown, unknown]
    return { token: String(token), endsInMs: integer(endsInMs) }
  },
})

/** @returns whether the lock was ours */
export const passkeyImportEndScript = defineScript({
  file: 'passkeys/passkeyImportEnd.lua',
  keys: ['importing', 'staged', 'before', 'touched'],
  args: ['token'],
  parse: (reply) => integer(reply) === 1,
})

/** @returns how many are new to the staged set; undefined when the lock is no longer ours */
export const passkeyStageScript = defineScript({
  file: 'passkeys/passkeyStage.lua',
  keys: ['importing', 'staged'],
  args: ['token', 'ttlMs', '...members'],
  parse: (reply) => (integer(reply) < 0 ? undefined : (reply as number)),
})

export interface CatchUpStep {
  /** '0' at the end. */
  readonly cursor: string
  readonly seen: number
  readonly changed: number
  /** By how much the staged set grew; may be negative. */
  readonly grown: number
  /** How many of the seen are in the staged set now. */
  readonly staged: number
}

/** @returns undefined when the lock is no longer ours */
export const passkeyCatchUpScript = defineScript({
  file: 'passkeys/passkeyCatchUp.lua',
  keys: ['source', 'passkeys', 'before', 'staged', 'importing'],
  args: ['token', 'ttlMs', 'cursor', 'limit', 'isTouched'],
  parse: (reply): CatchUpStep | undefined => {
    const [cursor, seen, changed, grown, staged] = reply as unknown[]
    if (String(cursor) === '-1') return undefined
    return {
      cursor: String(cursor),
      seen: integer(seen),
      changed: integer(changed),
      grown: integer(grown),
      staged: integer(staged),
    }
  },
})

export const SWAP_REFUSALS = {
  [-1]: 'lock lost',
  [-2]: 'staged set changed',
  [-3]: 'list gone',
  [-4]: 'nothing left',
} as const

/** @returns members of the list after the swap, or why nothing was done */
export const passkeySwapScript = defineScript({
  file: 'passkeys/passkeySwap.lua',
  keys: ['passkeys', 'before', 'staged', 'touched', 'importing'],
  args: ['token', 'expectedCount', 'catchesUp'],
  parse: (reply): number | (typeof SWAP_REFUSALS)[keyof typeof SWAP_REFUSALS] => {
    const count = integer(reply)
    if (count >= 0) return count
    const why = SWAP_REFUSALS[count as keyof typeof SWAP_REFUSALS]
    if (why === undefined) throw new TypeError(`reply ${count} has no meaning`)
    return why
  },
})
