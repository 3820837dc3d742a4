import type { Config } from '../config/config.ts'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../contract/redisKeys.ts'
import { createPasskeys, type Passkeys, parsePasskeys } from '../pt/passkeys.ts'
import { connectRedis } from '../redis/connection.ts'
import { createKeys } from '../redis/keys.ts'
import { createLogger } from '../runtime/logger.ts'

const CONNECT_WITHIN_MS = 5_000

export interface PasskeyCommand {
  readonly config: Config
  readonly json: boolean
  readonly out: (text: string) => void
}

/** `redswarm passkeys add`: prints how many are new. */
export function addPasskeys(texts: readonly string[], command: PasskeyCommand): Promise<void> {
  const passkeys = parsePasskeys(texts)
  return withPasskeys(command, async (list) => {
    const added = await list.add(passkeys)
    print(command, { added, alreadyListed: passkeys.length - added }, `added ${added} of ${passkeys.length}`)
  })
}

/** `redswarm passkeys remove`: prints how many were listed. */
export function removePasskeys(texts: readonly string[], command: PasskeyCommand): Promise<void> {
  const passkeys = parsePasskeys(texts)
  return withPasskeys(command, async (list) => {
    const removed = await list.remove(passkeys)
    print(
      command,
      { removed, notListed: passkeys.length - removed },
      `removed ${removed} of ${passkeys.length}`,
    )
  })
}

/** `redswarm passkeys has`. @returns whether it is listed, for the exit code */
export function hasPasskey(text: string, command: PasskeyCommand): Promise<boolean> {
  const [passkey] = parsePasskeys([text])
  return withPasskeys(command, async (list) => {
    const isListed = await list.has(passkey!)
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

function print(command: PasskeyCommand, fields: object, text: string): void {
  command.out(`${command.json ? JSON.stringify(fields) : text}\n`)
}

/** Connects for one piece of work. Throws Error with one line when Redis cannot be reached in time. */
async function withPasskeys<T>({ config }: PasskeyCommand, work: (list: Passkeys) => Promise<T>): Promise<T> {
  const connection = connectRedis({
    target: config.redis.connection,
    connectTimeoutMs: CONNECT_WITHIN_MS,
    commandTimeoutMs: config.redis.storeTimeoutMs,
    log: createLogger('silent'),
  })
  const keys = createKeys({
    keyPrefix: config.redis.keyPrefix,
    passkeysKey: config.passkeyApproval?.setKey ?? PASSKEYS_KEY,
    trafficKey: config.trafficPush?.streamKey ?? TRAFFIC_KEY,
  })
  try {
    await connection.readyWithin(CONNECT_WITHIN_MS)
    return await work(createPasskeys(connection.redis, keys))
  } finally {
    connection.close()
  }
}
