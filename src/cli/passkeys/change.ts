import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { Config } from '../../config/config.ts'
import { connectRedis } from '../../redis/connection.ts'
import { createLogger } from '../../runtime/logger.ts'
import type { PasskeyAudit } from '../../site/passkeys/passkeyAudit.ts'
import { createPasskeys, type Passkeys } from '../../site/passkeys/passkeys.ts'

const CONNECT_WITHIN_MS = 5_000

export interface PasskeyCommand {
  readonly config: Pick<Config, 'redis' | 'passkeyApproval'>
  readonly json: boolean
  /** Who stands in the audit; undefined for the system's user. */
  readonly actor: string | undefined
  readonly out: (text: string) => void
}

/** `redswarm passkeys add`: prints how many are new. */
export function addPasskeys(texts: readonly string[], command: PasskeyCommand): Promise<void> {
  return withPasskeys(command, async (list) => {
    const added = await list.add(texts)
    const count = distinct(texts)
    print(command, { added, alreadyListed: count - added }, `added ${added} of ${count}`)
  })
}

/** `redswarm passkeys remove`: prints how many were listed. */
export function removePasskeys(texts: readonly string[], command: PasskeyCommand): Promise<void> {
  return withPasskeys(command, async (list) => {
    const removed = await list.remove(texts)
    const count = distinct(texts)
    print(command, { removed, notListed: count - removed }, `removed ${removed} of ${count}`)
  })
}

/** `redswarm passkeys has`. @returns whether it is listed, for the exit code */
export function hasPasskey(text: string, command: PasskeyCommand): Promise<boolean> {
  return withPasskeys(command, async (list) => {
    const isListed = await list.has(text)
    print(command, { listed: isListed }, isListed ? 'listed' : 'not listed')
    return isListed
  })
}

/** `redswarm passkeys count`. */
export function countPasskeys(command: PasskeyCommand): Promise<void> {
  return withPasskeys(command, async (list) => {
    const count = await list.count()
    print(command, { count }, String(count))
  })
}

/** How many passkeys these are: one that was written twice is one. */
function distinct(texts: readonly string[]): number {
  return new Set(texts.map(parsePasskey)).size
}

export function print(command: PasskeyCommand, fields: object, text: string): void {
  command.out(`${command.json ? JSON.stringify(fields) : text}\n`)
}

/** Connects for one piece of work; audit lines go to stderr. Throws Error with one line when Redis cannot be reached in time. */
export async function withPasskeys<T>(
  { config, actor }: PasskeyCommand,
  work: (list: Passkeys) => Promise<T>,
): Promise<T> {
  const connection = connectRedis({
    target: config.redis.connection,
    connectTimeoutMs: CONNECT_WITHIN_MS,
    commandTimeoutMs: config.redis.storeTimeoutMs,
    log: createLogger('silent'),
  })
  const log = createLogger('info')
  const list = createPasskeys({
    redis: connection.redis,
    keyPrefix: config.redis.keyPrefix,
    setKey: config.passkeyApproval?.setKey,
    actor,
    audit: ({ time: _, ...entry }: PasskeyAudit) => log.info(entry, 'passkeys audit'), // lines carry a time already
  })
  try {
    await connection.readyOrRefused(CONNECT_WITHIN_MS)
    return await work(list)
  } finally {
    connection.close()
  }
}
