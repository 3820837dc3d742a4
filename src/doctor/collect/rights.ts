import { type Redis, ReplyError } from 'ioredis'
import { parseInfohash } from '../../bittorrent/bytes20.ts'
import { DEAD_LETTERS_SUFFIX, FAILED_SUFFIX } from '../../contract/redisKeys.ts'
import type { Keys } from '../../redis/keys.ts'
import { announceScript } from '../../tracker/store/scripts/announce.ts'
import type { MissingRight, RightsFacts } from '../facts.ts'

const INFOHASH = parseInfohash('0'.repeat(40))!
const SOMEBODY = 'somebody'

/** A command of the tracker, as it sends it, and how a rule names its keys. */
export interface TrackerCommand {
  readonly words: readonly string[]
  readonly keys: readonly string[]
  readonly isRead?: boolean
}

/** Runs as whoever is connected, and executes none of what it is asked about. */
const CHECK_OWN_RIGHTS = `#!lua flags=no-writes
local answers, at = {}, 1
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  answers[#answers + 1] = redis.acl_check_cmd(unpack(ARGV, at + 1, at + count)) and 1 or 0
  at = at + count + 1
end
return answers`

/** Everything that a tracker process needs, and every command inside its scripts. It does without SCRIPT LOAD. */
export function trackerCommands(keys: Keys, prefix: string): TrackerCommand[] {
  const [swarm, session] = [`${prefix}swarm:*`, `${prefix}session:*`]
  const onKey = (key: string, ...lines: string[]) =>
    lines.map((line) => ({ words: withKey(line, key), keys: [key] }))
  const onPattern = (pattern: string, key: string, ...lines: string[]) =>
    lines.map((line) => ({ words: withKey(line, key), keys: [pattern] }))
  const reading = (commands: TrackerCommand[]) => commands.map((each) => ({ ...each, isRead: true }))
  const scriptKeys = [
    ...[
      keys.passkeys,
      keys.accepted(SOMEBODY),
      keys.rejected(SOMEBODY),
      keys.seeders(INFOHASH),
      keys.leechers(INFOHASH),
    ],
    ...[
      keys.session(INFOHASH, SOMEBODY),
      keys.snatches,
      keys.swarms,
      keys.stats,
      keys.traffic,
      keys.torrents,
    ],
  ]
  const scriptPatterns = [
    ...[keys.passkeys, keys.accepted('*'), keys.rejected('*'), swarm, session],
    ...[keys.snatches, keys.swarms, keys.stats, keys.traffic, keys.torrents, keys.sweepLease],
  ]
  const scripts = [...scriptKeys, keys.sweepLease]
  return [
    ...['INFO', 'TIME', 'PING', 'MULTI', 'EXEC'].map((command) => ({ words: [command], keys: [] })),
    ...['EVALSHA', 'EVAL'].map((command) => ({
      words: [command, announceScript.sha, String(scripts.length), ...scripts],
      keys: scriptPatterns,
    })),
    ...reading(onKey(keys.passkeys, 'SISMEMBER _ x', 'SCARD _', 'EXISTS _')),
    ...reading(onKey(keys.torrents, 'SISMEMBER _ x', 'EXISTS _')),
    ...reading(onKey(keys.aliases, 'HSCAN _ 0', 'WATCH _')),
    ...onPattern(keys.accepted('*'), keys.accepted(SOMEBODY), 'EXISTS _', 'SET _ 1 EX 1'),
    ...onPattern(keys.rejected('*'), keys.rejected(SOMEBODY), 'EXISTS _', 'SET _ 1 EX 1'),
    ...onPattern(
      swarm,
      keys.seeders(INFOHASH),
      'ZADD _ 1 x',
      'ZREM _ x',
      'ZREMRANGEBYRANK _ 0 0',
      'ZSCORE _ x',
    ),
    ...onPattern(swarm, keys.leechers(INFOHASH), 'ZCARD _', 'ZCOUNT _ 0 1', 'ZRANGE _ 0 0'),
    ...onPattern(
      session,
      keys.session(INFOHASH, SOMEBODY),
      'HGET _ x',
      'HSET _ x 1',
      'HSETNX _ x 1',
      'HLEN _',
    ),
    ...onPattern(session, keys.session(INFOHASH, SOMEBODY), 'HVALS _', 'EXPIRE _ 1'),
    ...onKey(keys.snatches, 'HGET _ x', 'HINCRBY _ x 1'),
    ...onKey(keys.swarms, 'ZADD _ 1 x', 'ZSCORE _ x', 'ZREM _ x', 'ZCARD _', 'ZRANGEBYSCORE _ 0 1'),
    ...onKey(keys.stats, 'HGET _ x', 'HMGET _ x', 'HINCRBY _ x 1'),
    ...onKey(keys.traffic, 'XADD _ * x 1', 'XLEN _', 'XRANGE _ - +'),
    ...reading(onKey(keys.traffic + DEAD_LETTERS_SUFFIX, 'XLEN _')),
    ...reading(onKey(keys.traffic + FAILED_SUFFIX, 'XLEN _')),
    ...onKey(keys.sweepLease, 'GET _', 'SET _ x PX 1', 'DEL _'),
  ]
}

function withKey(line: string, key: string): string[] {
  return line.split(' ').map((word) => (word === '_' ? key : word))
}

/**
 * What a tracker may not do: of the connected user when it may run scripts, else, where ACL DRYRUN is allowed (the
 * operator of dist/redis), of the tracker's.
 */
export async function readRights(
  redis: Redis,
  commands: readonly TrackerCommand[],
  users: { readonly own: string; readonly tracker: string },
): Promise<RightsFacts> {
  const own = await ownAnswers(redis, commands)
  if (own) return { user: users.own, missing: missingOf(commands, own) }
  const dryRun = await dryRunAnswers(redis, commands, users.tracker)
  return dryRun
    ? { user: users.tracker, missing: missingOf(commands, dryRun) }
    : { user: undefined, missing: [] }
}

/** Whether the user `default` may run what an append-only file consists of; off or not, it is the one who replays it. */
export async function readReplayRight(redis: Redis): Promise<boolean | undefined> {
  const commands = ['EXEC', 'SET x 1', 'XADD x * x 1'].map((line) => ({ words: line.split(' '), keys: [] }))
  return (await dryRunAnswers(redis, commands, 'default'))?.every((isAllowed) => isAllowed)
}

async function ownAnswers(
  redis: Redis,
  commands: readonly TrackerCommand[],
): Promise<readonly boolean[] | undefined> {
  const args = commands.flatMap(({ words }) => [String(words.length), ...words])
  const answers = await refusedAsUndefined(() => redis.eval(CHECK_OWN_RIGHTS, 0, ...args))
  return (answers as number[] | undefined)?.map((answer) => answer === 1)
}

async function dryRunAnswers(
  redis: Redis,
  commands: readonly TrackerCommand[],
  user: string,
): Promise<readonly boolean[] | undefined> {
  const answers: boolean[] = []
  for (const { words } of commands) {
    const answer = await refusedAsUndefined(() => redis.call('ACL', 'DRYRUN', user, ...words))
    if (answer === undefined) return undefined // not allowed, or no such user
    answers.push(answer === 'OK')
  }
  return answers
}

async function refusedAsUndefined<T>(run: () => Promise<T>): Promise<T | undefined> {
  return run().catch((error: unknown) => {
    if (error instanceof ReplyError) return undefined
    throw error
  })
}

function missingOf(commands: readonly TrackerCommand[], answers: readonly boolean[]): MissingRight[] {
  return commands
    .filter((_, i) => !answers[i])
    .map(({ words, keys, isRead = false }) => ({
      command: words[0]!.toLowerCase(),
      keys,
      isRead,
    }))
}
