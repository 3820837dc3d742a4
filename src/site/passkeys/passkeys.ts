import type { Redis } from 'ioredis'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { Passkey } from '../../bittorrent/types.ts'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import { createKeys } from '../../redis/keys.ts'
import { siteConnection } from '../../redis/siteConnection.ts'
import { type PasskeyAudit, subjectOf, systemUser, withAudit } from './passkeyAudit.ts'
import { MalformedPasskey } from './passkeyErrors.ts'
import { BATCH, nameOf, type PasskeySource, readAllPasskeys, readPasskeys } from './passkeyImport.ts'
import { passkeyAddScript, passkeyRemoveScript } from './passkeyScripts.ts'
import { swapPasskeys } from './passkeySwap.ts'
import type { SwapOptions, SwapOutcome } from './passkeySwapOptions.ts'

/** Where the list is, and who is told of changes. */
export interface PasskeysOptions {
  /** `redis://[user:password@]host[:port][/db]`, or a client of yours; yours stays open. */
  readonly redis: string | Redis
  /** As `key_prefix` of the tracker. */
  readonly keyPrefix?: string | undefined
  /** As `set_key` of the tracker. */
  readonly setKey?: string | undefined
  /** Who stands in the audit; the system's user unless told. */
  readonly actor?: string | undefined
  /** Receives an entry for every change, and for every one refused. */
  readonly audit?: ((entry: PasskeyAudit) => void) | undefined
}

/** What an import did. */
export interface ImportOutcome {
  readonly added: number
  /** Were listed before, or came more than once. */
  readonly alreadyListed: number
}

/**
 * The site's whitelist. Only the site changes it, and the tracker obeys at the next announce.
 *
 * Passkeys are texts as the site spells them: hex is stored in lowercase, anything else as it is. What is not a passkey
 * throws MalformedPasskey or BadLines, and nothing has changed then. Everything throws StoreUnavailable when Redis does not
 * answer, or what ioredis throws on a client of yours.
 */
export interface Passkeys {
  /** @returns how many were not listed before */
  add(texts: readonly string[]): Promise<number>
  /**
   * Also during a `replace`, wherever that runs: what is removed then is not in the new list either. A yes of the site's
   * verify endpoint that the tracker remembers is forgotten.
   *
   * @returns how many were listed before
   */
  remove(texts: readonly string[]): Promise<number>
  has(text: string): Promise<boolean>
  count(): Promise<number>
  /** Adds all of a source, after all of it has been read. */
  import(source: PasskeySource, options?: { readonly signal?: AbortSignal }): Promise<ImportOutcome>
  /** Makes the source the list, in one moment. See SwapOptions for what it refuses; throws also ImportUnderWay. */
  replace(source: PasskeySource, options?: SwapOptions): Promise<SwapOutcome>
  /** Everything listed, in no order, in lists of some hundred. One that is listed all the while comes at least once. */
  export(): AsyncGenerator<readonly Passkey[]>
  /** Ends the connection if it is not yours. */
  close(): void
}

/** Texts as the set holds them. Throws MalformedPasskey. */
export function parsePasskeys(texts: readonly string[]): Passkey[] {
  return texts.map((text, i) => {
    const passkey = parsePasskey(text)
    if (passkey === undefined) throw new MalformedPasskey(i + 1)
    return passkey
  })
}

/**
 * The site's whitelist: `const list = createPasskeys({ redis: 'redis://127.0.0.1' })`. Connects in the background.
 *
 * @throws TypeError for a client with a key prefix of its own: scripts would not get it
 */
export function createPasskeys(options: PasskeysOptions): Passkeys {
  const { redis, reaching, close } = siteConnection(options.redis)
  if (redis.options.keyPrefix) throw new TypeError('give keyPrefix to passkeys and not to the Redis client')
  const keys = createKeys({
    keyPrefix: options.keyPrefix ?? '',
    passkeysKey: options.setKey ?? PASSKEYS_KEY,
    trafficKey: TRAFFIC_KEY,
  })
  const setKeys = {
    passkeys: keys.passkeys,
    importing: keys.passkeysImporting,
    touched: keys.passkeysTouched,
  }
  const trail = { actor: options.actor ?? systemUser(), audit: options.audit ?? (() => undefined) }

  const inBatches = async (
    passkeys: readonly Passkey[],
    run: (members: readonly Passkey[]) => Promise<number>,
  ) => {
    let count = 0
    for (let first = 0; first < passkeys.length; first += BATCH)
      count += await run(passkeys.slice(first, first + BATCH))
    return count
  }
  const addBatch = (members: readonly Passkey[]) =>
    reaching(() => passkeyAddScript(redis, setKeys, { members }))
  const removeBatch = (members: readonly Passkey[]) =>
    reaching(() =>
      passkeyRemoveScript(redis, { ...setKeys, accepted: members.map(keys.accepted) }, { members }),
    )

  return {
    async add(texts) {
      const what = { action: 'add', subject: subjectOf(texts) } as const
      const { added } = await withAudit(trail, what, async () => ({
        added: await inBatches(parsePasskeys(texts), addBatch),
      }))
      return added
    },
    async remove(texts) {
      const what = { action: 'remove', subject: subjectOf(texts) } as const
      const { removed } = await withAudit(trail, what, async () => ({
        removed: await inBatches(parsePasskeys(texts), removeBatch),
      }))
      return removed
    },
    async has(text) {
      const [passkey] = parsePasskeys([text])
      return (await reaching(() => redis.sismember(keys.passkeys, passkey!))) === 1
    },
    count: () => reaching(() => redis.scard(keys.passkeys)),
    import(source, { signal } = {}) {
      const what = { action: 'import', subject: nameOf(source) } as const
      return withAudit(trail, what, async () => {
        let added = 0
        let read = 0
        for await (const batch of readAllPasskeys(source)) {
          signal?.throwIfAborted()
          added += await addBatch(batch)
          read += batch.length
        }
        return { added, alreadyListed: read - added }
      })
    },
    replace(source, swap = {}) {
      const work = () => reaching(() => swapPasskeys(redis, keys, readPasskeys(source), swap))
      return swap.dryRun ? work() : withAudit(trail, { action: 'replace', subject: nameOf(source) }, work)
    },
    async *export() {
      let cursor = '0'
      let exported = 0
      do {
        const from = cursor
        const [next, members] = await reaching(() => redis.sscan(keys.passkeys, from, 'COUNT', BATCH))
        cursor = next
        exported += members.length
        if (members.length > 0) yield members as Passkey[]
      } while (cursor !== '0')
      await withAudit(trail, { action: 'export', subject: `${exported} passkeys` }, async () => ({
        exported,
      }))
    },
    close,
  }
}
