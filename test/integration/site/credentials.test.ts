import { afterAll, beforeEach, expect, test } from 'vitest'
import { encryptCredential } from '../../../src/index.ts'
import { anInfohash, aPasskey, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'
import { startTracker, UNAPPROVED } from '../../support/servers/trackerUnderTest.ts'

const KEY = '01234567890123456789012345678901'
const INVALID = 'invalid passkey'
const SERVED = undefined
const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const tracker = await startTracker({
  redisUrl: url,
  keyPrefix,
  passkeys: { encryption_key: KEY, credential_max_age: '24h' },
})
afterAll(async () => {
  await tracker.close()
  redis.disconnect()
})
beforeEach(async () => {
  const left = await redis.keys(`${keyPrefix}*`)
  if (left.length > 0) await redis.del(left)
  await redis.sadd(keys.passkeys, aPasskey(1))
  await becomes(tracker.readiness, 'ready')
})

const now = () => Math.floor(Date.now() / 1000)

function aCredential(fields: object = {}, ageSeconds = 0): string {
  return encryptCredential(
    { passkey: aPasskey(1), issuedSeconds: now() - ageSeconds, ...fields },
    Buffer.from(KEY),
  )
}

const encoded = (hex: string) => hex.replace(/../g, '%$&')
const REST = `info_hash=${encoded(anInfohash())}&peer_id=-TR3000-000000000001&port=6881&uploaded=0&downloaded=0&left=9`
const failureOf = async (target: string) => (await tracker.ask(target)).get('failure reason')?.toString()

test.each([
  ['in the path', (text: string) => `/announce/${text}?${REST}`],
  ['in the path, first', (text: string) => `/${text}/announce?${REST}`],
  [
    'in the path, padded',
    (text: string) => `/announce/${text.padEnd(Math.ceil(text.length / 4) * 4, '=')}?${REST}`,
  ],
  ['as credential', (text: string) => `/announce?credential=${text}&${REST}`],
  [
    'as credential, padding escaped',
    (text: string) => `/announce?credential=${text}${'%3D'.repeat(-text.length & 3)}&${REST}`,
  ],
  ['as passkey', (text: string) => `/announce?passkey=${text}&${REST}`],
  ['as credential beside a passkey', (text: string) => `/announce?passkey=x&credential=${text}&${REST}`],
])('a credential is taken %s', async (_, target) => {
  for (const fd of ['', 'f', 'fr', 'fre']) expect(await failureOf(target(aCredential({ fd })))).toBe(SERVED)
  const events = await eventsOf(redis, keys.traffic)
  expect(new Set(events.map((each) => each.passkey))).toEqual(new Set([aPasskey(1)]))
})

test('fd and pd end the event when they are there, and only then', async () => {
  await tracker.announce({ passkey: aCredential() })
  await tracker.announce({ passkey: aCredential({ fd: 1 }) })
  await tracker.announce({ passkey: aCredential({ fd: '免费', pd: { part: 2 } }) })
  const events = await eventsOf(redis, keys.traffic)
  expect(events.map((each) => Object.entries(each).slice(20))).toEqual([
    [],
    [['fd', '1']],
    [
      ['fd', '免费'],
      ['pd', '{"part":2}'],
    ],
  ])
})

test('a bare passkey, a text that another key made and one too old are invalid', async () => {
  const other = encryptCredential({ passkey: aPasskey(1), issuedSeconds: now() }, Buffer.alloc(32, 'k'))
  for (const passkey of [aPasskey(1), other, aCredential({}, 86_500)])
    expect(await tracker.failure({ passkey })).toBe(INVALID)
  expect(await tracker.failure({ passkey: aCredential({}, 86_300) })).toBe(SERVED)
})

test('the passkey in it is looked up in the list', async () => {
  expect(await tracker.failure({ passkey: aCredential({ passkey: aPasskey(2) }) })).toBe(UNAPPROVED)
})

test('two credentials of one user are one session', async () => {
  await tracker.announce({ passkey: aCredential(), uploaded: 10 })
  await tracker.announce({ passkey: aCredential(), uploaded: 25 })
  expect((await eventsOf(redis, keys.traffic)).map(({ du }) => du)).toEqual(['0', '15'])
})

test('without extra fields an event still carries fd', async () => {
  const prefix = `${keyPrefix}bare:`
  await redis.sadd(keysUnder(prefix).passkeys, aPasskey(1))
  const bare = await startTracker({
    redisUrl: url,
    keyPrefix: prefix,
    passkeys: { encryption_key: KEY },
    traffic: { extra_fields: [] },
  })
  await becomes(bare.readiness, 'ready')
  expect(await bare.failure({ passkey: aCredential({ pd: true }, 10_000_000) })).toBe(SERVED)
  const [event] = await eventsOf(redis, keysUnder(prefix).traffic)
  expect(Object.entries(event!).slice(14)).toEqual([['pd', 'true']])
  await bare.close()
})

test('neither a credential nor what is in it is ever logged', async () => {
  const good = aCredential({ fd: 'secretfield' })
  await tracker.announce({ passkey: good })
  await tracker.announce({ passkey: `${good}AAAA` })
  expect(JSON.stringify(tracker.log)).not.toMatch(new RegExp(`${good}|${aPasskey(1)}|secretfield`))
})
