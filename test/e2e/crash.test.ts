import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../../src/contract/redisKeys.ts'
import { openLedger } from '../../src/site/ledger/ledger.ts'
import { Clients, type Moved, moverKey } from '../support/clients/crashClients.ts'
import { Dice } from '../support/programs/crashDice.ts'
import { type DatabaseKind, type Fleet, startFleet } from '../support/programs/crashFleet.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'

/**
 * Nothing is lost and nothing is counted twice, whoever is killed. `npm run test:crash` is the long run: 200 rounds on each
 * database with a seed of its own; CRASH_ROUNDS and CRASH_SEED choose others.
 */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6)
const SEED = Number(process.env.CRASH_SEED ?? (process.env.CRASH_ROUNDS ? Date.now() % 1_000_000 : 20_261))
const SESSIONS = Number(process.env.CRASH_SESSIONS ?? 2_000)
const KINDS = (process.env.CRASH_DB?.split(',') ?? ['sqlite', 'postgres', 'mariadb']) as DatabaseKind[]
const LONGEST_ROUND_MS = 30_000
const SETTLED_WITHIN_MS = 60_000

afterEach(endProcesses)

describe.each(KINDS)('on %s', (kind) => {
  test(`${ROUNDS} rounds of killing, seed ${SEED}: what is credited is what the clients moved, to the byte`, {
    timeout: 300_000 + ROUNDS * LONGEST_ROUND_MS,
    retry: 0,
  }, async ({ annotate }) => {
    const dice = new Dice(SEED)
    const fleet = await startFleet(kind)
    const admin = new Redis(fleet.redisUrl, { maxRetriesPerRequest: null })
    admin.on('error', () => {}) // it is killed on purpose
    await admin.sadd(PASSKEYS_KEY, ...Clients.passkeys(SESSIONS))
    const clients = new Clients({
      dice: new Dice(SEED + 1),
      sessions: SESSIONS,
      trackers: fleet.announceUrls,
      lifeOfRedis: fleet.lifeOfRedis,
    })
    await clients.establish()

    const running = clients.run()
    const killed = new Map<string, number>()
    for (let round = 1; round <= ROUNDS; round++) {
      const enough = clients.acknowledged + 20 + dice.below(300)
      await eventually(
        'clients are served',
        LONGEST_ROUND_MS,
        () => clients.acknowledged >= enough || undefined,
      )
      const victims = chosen(fleet, dice)
      for (const { name } of victims) killed.set(name, (killed.get(name) ?? 0) + 1)
      await Promise.all(victims.map((victim) => victim.killAndRestart()))
    }
    clients.stop()
    await running
    await clients.sayAll()

    const credited = await settledBooks(fleet, admin)
    admin.disconnect()
    const { recovered, moved } = credited
    await annotate(
      `seed ${SEED}, ${ROUNDS} rounds, ${clients.acknowledged} announces answered, killed ${JSON.stringify(Object.fromEntries(killed))}, ${recovered} bytes recovered`,
    )
    expect(differences(clients.moved(), moved)).toEqual([])
  })
})

function chosen(fleet: Fleet, dice: Dice) {
  const first = dice.pick(fleet.victims)
  const second = dice.pick(fleet.victims)
  return dice.once(3) && second !== first ? [first, second] : [first]
}

/** What the ledger says once every entry is settled and no session has a hole left. */
async function settledBooks(fleet: Fleet, admin: Redis) {
  const ledger = await openLedger(fleet.databaseUrl)
  const { db } = ledger.database
  await eventually('everything is settled', SETTLED_WITHIN_MS, async () => {
    const groups = (await admin.xinfo('GROUPS', TRAFFIC_KEY)) as unknown[][]
    const stream = (await admin.xinfo('STREAM', TRAFFIC_KEY)) as unknown[]
    if (groups.length === 0) return undefined
    const field = (list: unknown[], name: string) => String(list[list.indexOf(name) + 1])
    const isRead = field(groups[0]!, 'last-delivered-id') === field(stream, 'last-generated-id')
    if (!isRead || field(groups[0]!, 'pending') !== '0') return undefined
    const open = await db
      .selectFrom('pt_sessions')
      .select('peer_id')
      .where('is_open', '=', 1)
      .limit(1)
      .execute()
    return open.length === 0 || undefined
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${fleet.consumersSaid()}`)
  })
  const rows = await db
    .selectFrom('pt_user_torrents')
    .select(['passkey', 'infohash', 'uploaded', 'downloaded'])
    .execute()
  const users = await db.selectFrom('pt_users').select('recovered_uploaded').execute()
  await ledger.close()
  const moved: Moved = new Map(
    rows.map(({ passkey, infohash, uploaded, downloaded }) => [
      moverKey(passkey, infohash),
      { uploaded: BigInt(uploaded), downloaded: BigInt(downloaded) },
    ]),
  )
  const recovered = users.reduce((sum, { recovered_uploaded }) => sum + BigInt(recovered_uploaded), 0n)
  return { moved, recovered }
}

/** In words, so that a failure says who got how much too much. */
function differences(expected: Moved, credited: Moved): string[] {
  return [...new Set([...expected.keys(), ...credited.keys()])].flatMap((key) => {
    const client = expected.get(key) ?? { uploaded: 0n, downloaded: 0n }
    const books = credited.get(key) ?? { uploaded: 0n, downloaded: 0n }
    if (client.uploaded === books.uploaded && client.downloaded === books.downloaded) return []
    return [
      `${key}: up ${client.uploaded} credited ${books.uploaded}, down ${client.downloaded} credited ${books.downloaded}`,
    ]
  })
}
