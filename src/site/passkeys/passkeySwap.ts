import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Redis } from 'ioredis'
import type { Passkey } from '../../bittorrent/types.ts'
import type { Keys } from '../../redis/keys.ts'
import { ImportUnderWay, PasskeysRefused, StagingTaken } from './passkeyErrors.ts'
import {
  passkeyCatchUpScript,
  passkeyImportBeginScript,
  passkeyImportEndScript,
  passkeyStageScript,
  passkeySwapScript,
} from './passkeyScripts.ts'
import {
  type Difference,
  refuseLoss,
  requireShrinkPercent,
  type SwapOptions,
  type SwapOutcome,
  type SwapProgress,
} from './passkeySwapOptions.ts'

/*
Swapping the whole list while others change it. F is the file, L the list (`passkeys`), and there are three sets of ours:
`staged`, which becomes the list; `before`, the list as we last saw it; `touched`, what add and remove of this library were
asked for since the lock was taken (also when it changed nothing in L). The site's own SADD and SREM leave no trace but L.

  rule         After the swap p is listed if and only if L had it at the swap, provided that p was touched, or its membership
               changed since the snapshot; else if and only if F has it.
  snapshot     before(p) = L(p) at the one moment when the scan came by p. A change of p earlier than that is one before the import.
  invariant    From the snapshot on, in every step (each one script, so atomic for its members):
               staged(p) = F(p) unless p was ever settled; when p is settled, staged(p) = before(p) = L(p) of that moment.
               A p that differs in L and `before` has changed since it was last looked at, and is settled by the next pass.
  pass         Settles all of `touched`, then what L lacks of `before`, then what `before` lacks of L. In steps of some
               hundred members, so nobody waits; and WATCHing L and `touched`, so that at its end EXEC swaps only if
               neither has changed in all that time. Else there is another pass.
  last resort  After PASSES passes in vain one script does the rest and the swap. Exact too; Redis stands still while it
               compares the two sets, about a second for a million members.
  one at a time  Every write to `staged` and `before` checks the lock in the same script, so the steps of two imports never
               mix, however long one of them slept.
  until the swap  nothing writes to L, so dying at any moment leaves the list as it was. The next import removes the remains.

A WATCH dies with its connection. The swap therefore has one of its own, which never reconnects.
*/

const LOCK_TTL_MS = 15_000
const PASSES = 5
const STEP_LIMIT = 500
const COMMAND_TIMEOUT_MS = 120_000

/**
 * Replaces the whole list in one moment, whatever happens to it meanwhile: see above.
 *
 * @param batches at most some thousand passkeys each; when it throws, nothing is swapped
 * @throws RangeError for a `maxShrinkPercent` that is not 0 to 100; ImportUnderWay, StagingTaken (somebody else filled the
 * staged set before), ShrinkRefused, PasskeysRefused (nothing to swap in, the list is gone, somebody wrote to the
 * staged set), what `batches` throws, StoreUnavailable and what ioredis throws when Redis does not answer
 */
export async function swapPasskeys(
  redis: Redis,
  keys: Keys,
  batches: AsyncIterable<readonly Passkey[]>,
  options: SwapOptions = {},
): Promise<SwapOutcome> {
  requireShrinkPercent(options)
  const connection = redis.duplicate({
    protocol: 2,
    lazyConnect: true,
    retryStrategy: () => null,
    reconnectOnError: null,
    enableOfflineQueue: true,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: undefined,
  } as object)
  connection.on('error', () => undefined) // every command says so too
  await connection.connect()
  try {
    return await new Swap(connection, keys, options).run(batches)
  } finally {
    connection.disconnect()
  }
}

class Swap {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #options: SwapOptions
  readonly #token = `${hostname()} process ${process.pid} ${randomUUID().slice(0, 8)}`
  readonly #own: { importing: string; staged: string; before: string; touched: string }
  readonly #ttlMs: number
  /** How many the staged set must have; another number means that somebody else writes there. */
  #stagedCount = 0
  #changedInList = 0

  constructor(redis: Redis, keys: Keys, options: SwapOptions) {
    this.#redis = redis
    this.#keys = keys
    this.#options = options
    this.#ttlMs = options.lockTtlMs ?? LOCK_TTL_MS
    this.#own = {
      importing: keys.passkeysImporting,
      staged: keys.passkeysStaged,
      before: keys.passkeysBefore,
      touched: keys.passkeysTouched,
    }
  }

  async run(batches: AsyncIterable<readonly Passkey[]>): Promise<SwapOutcome> {
    const args = { token: this.#token, ttlMs: String(this.#ttlMs) }
    const lock = await passkeyImportBeginScript(this.#redis, this.#own, args)
    if (lock.token === '') throw new StagingTaken(this.#own.staged)
    if (lock.token !== this.#token) throw new ImportUnderWay(lock.token, lock.endsInMs)
    // The source may be slow. A sign of life that fails is noticed by the next step.
    const alive = setInterval(() => void this.#stage([]).catch(() => undefined), this.#ttlMs / 3)
    let isDone = false
    try {
      const hadList = await this.#snapshot()
      const read = await this.#build(batches)
      const duplicates = read - this.#stagedCount
      const outcome = { ...(await this.#finish(hadList)), duplicates }
      isDone = outcome.swapped
      return outcome
    } finally {
      clearInterval(alive)
      // When Redis is gone the lock ends by itself, and the next import removes the rest.
      if (!isDone)
        await passkeyImportEndScript(this.#redis, this.#own, { token: this.#token }).catch(() => undefined)
    }
  }

  /** @returns whether there is a list */
  async #snapshot(): Promise<boolean> {
    const { passkeys, passkeysBefore } = this.#keys
    // Catching up from nothing is a copy. Nothing is staged yet, so `before` stands in for the staged set too.
    await this.#scan(passkeys, passkeysBefore, 'snapshot')
    return (await this.#redis.exists(passkeys)) === 1
  }

  /** @returns how many passkeys were read */
  async #build(batches: AsyncIterable<readonly Passkey[]>): Promise<number> {
    let read = 0
    for await (const batch of batches) {
      this.#stagedCount += await this.#stage(batch)
      read += batch.length
      this.#report({ stage: 'reading', done: read, total: undefined })
    }
    if (read === 0)
      throw new PasskeysRefused('there is no passkey to import; an empty list cannot be swapped in')
    return read
  }

  async #finish(hadList: boolean): Promise<Omit<SwapOutcome, 'duplicates'>> {
    const { passkeys, passkeysTouched } = this.#keys
    for (let pass = 1; ; pass++) {
      await this.#redis.watch(passkeys, passkeysTouched)
      if (hadList && (await this.#redis.exists(passkeys)) === 0) throw refusal('list gone')
      const { changedMeanwhile, ...difference } = await this.#catchUp()
      await this.#options.onDifference?.(difference)
      refuseLoss(difference, this.#options)
      const outcome = { ...difference, changedMeanwhile }
      if (this.#options.dryRun) return { ...outcome, swapped: false }
      this.#options.signal?.throwIfAborted()

      const isLastResort = pass === PASSES
      if (isLastResort) await this.#redis.unwatch()
      const after = await this.#commit(isLastResort)
      if (after !== undefined) return { ...outcome, after, swapped: true }
    }
  }

  /** One pass. Its numbers hold as long as the list does not change. */
  async #catchUp(): Promise<Difference & Pick<SwapOutcome, 'changedMeanwhile'>> {
    const { passkeys, passkeysBefore, passkeysTouched, passkeysStaged } = this.#keys
    await this.#scan(passkeysTouched, passkeysStaged)
    const touched = await this.#redis.scard(passkeysTouched)
    await this.#scan(passkeysBefore, passkeysStaged)
    const kept = await this.#scan(passkeys, passkeysStaged, 'comparing')
    const before = await this.#redis.scard(passkeys)
    const after = this.#stagedCount
    return {
      before,
      after,
      added: after - kept,
      removed: before - kept,
      kept,
      changedMeanwhile: touched + this.#changedInList,
    }
  }

  /** Goes through one of the sets once. @returns how many of its members are staged at the end */
  async #scan(source: string, staged: string, stage?: SwapProgress['stage']): Promise<number> {
    const { passkeys, passkeysBefore: before, passkeysTouched, passkeysImporting: importing } = this.#keys
    const isSnapshot = staged === before
    const total = stage && (await this.#redis.scard(source))
    let cursor = '0'
    let done = 0
    let stagedSeen = 0
    do {
      this.#options.signal?.throwIfAborted()
      const step = await passkeyCatchUpScript(
        this.#redis,
        { source, passkeys, before, staged, importing },
        {
          token: this.#token,
          ttlMs: String(this.#ttlMs),
          cursor,
          limit: String(STEP_LIMIT),
          isTouched: source === passkeysTouched ? '1' : '0',
        },
      )
      if (!step) throw refusal('lock lost')
      cursor = step.cursor
      done += step.seen
      stagedSeen += step.staged
      if (!isSnapshot) this.#stagedCount += step.grown
      if (!isSnapshot && source !== passkeysTouched) this.#changedInList += step.changed
      if (stage) this.#report({ stage, done, total })
    } while (cursor !== '0')
    return stagedSeen
  }

  /** @returns members of the list; undefined when it changed since the WATCH */
  async #commit(catchesUp: boolean): Promise<number | undefined> {
    const { passkeys } = this.#keys
    const { source, definition } = passkeySwapScript
    const { before, staged, touched, importing } = this.#own
    const args = [this.#token, String(this.#stagedCount), catchesUp ? '1' : '0']
    const results = await this.#redis
      .multi()
      .eval(source, definition.keys.length, passkeys, before, staged, touched, importing, ...args)
      .exec()
    if (results === null) return undefined
    const [error, reply] = results[0]!
    if (error) throw error
    const count = definition.parse(reply)
    if (typeof count === 'string') throw refusal(count)
    return count
  }

  async #stage(members: readonly Passkey[]): Promise<number> {
    this.#options.signal?.throwIfAborted()
    const args = { token: this.#token, ttlMs: String(this.#ttlMs), members }
    const added = await passkeyStageScript(this.#redis, this.#own, args)
    if (added === undefined) throw refusal('lock lost')
    return added
  }

  #report(progress: SwapProgress): void {
    this.#options.onProgress?.(progress)
  }
}

function refusal(
  why: Exclude<ReturnType<(typeof passkeySwapScript)['definition']['parse']>, number>,
): PasskeysRefused {
  return new PasskeysRefused(`${REASONS[why]}; nothing was changed`)
}

const REASONS = {
  'lock lost': 'this import gave no sign of life for so long that its lock has ended',
  'staged set changed': 'somebody else wrote to the set in which the new list was being built',
  'list gone': 'the list that was to be replaced has disappeared meanwhile',
  'nothing left': 'all passkeys of the new list were removed meanwhile',
} as const
