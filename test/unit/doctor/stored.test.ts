import { describe, expect, test } from 'vitest'
import { checkDeadLetters } from '../../../src/doctor/checks/deadLetters.ts'
import { checkGroups } from '../../../src/doctor/checks/groups.ts'
import { checkKeyTypes } from '../../../src/doctor/checks/keyTypes.ts'
import { checkListpacks } from '../../../src/doctor/checks/listpacks.ts'
import { checkPasskeys } from '../../../src/doctor/checks/passkeys.ts'
import { checkSizes } from '../../../src/doctor/checks/sizes.ts'
import { checkStream } from '../../../src/doctor/checks/stream.ts'
import { checkTorrents } from '../../../src/doctor/checks/torrents.ts'
import { checkTrackers } from '../../../src/doctor/checks/trackers.ts'
import { rateOf } from '../../../src/doctor/collect/stream.ts'
import type { GroupFacts, PasskeyFacts, StreamFacts } from '../../../src/doctor/facts.ts'
import {
  aConfig,
  advised,
  aGroup,
  aKey,
  aList,
  amiss,
  anInfo,
  aRedis,
  aStream,
  someSettings,
} from '../../support/builders/aFleet.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const open = (...names: string[]) => aConfig({ prehooks: names.map((name) => ({ name })) })

describe('key types', () => {
  test('a wrong one is moved out of the way', () => {
    const findings = checkKeyTypes(
      aRedis({ keys: [aKey(), aKey({ key: 'tracker:swarms', wanted: 'zset', type: 'string' })] }),
    )
    expect(amiss(findings)).toEqual(['error key-type'])
    expect(advised(findings)).toEqual(['redis-cli RENAMENX tracker:swarms tracker:swarms.wrong-type'])
  })

  test('a key that is not there is no wrong one', () => {
    expect(amiss(checkKeyTypes(aRedis({ keys: [aKey({ type: 'none', ttlSeconds: -2 })] })))).toEqual([])
  })

  test('one that ends is told', () => {
    const findings = checkKeyTypes(aRedis({ keys: [aKey({ ttlSeconds: 0 })] }))
    expect(amiss(findings)).toEqual(['error key-ttl'])
    expect(advised(findings)).toEqual(['redis-cli PERSIST tracker:stats'])
  })

  test('swarms and sessions are looked at too', () => {
    const sample = { key: 'swarm:ab:seeders', type: 'set', encoding: '', size: 1, ttlSeconds: -1 }
    expect(amiss(checkKeyTypes(aRedis({ swarms: [sample] })))).toEqual(['error key-type'])
    expect(amiss(checkKeyTypes(aRedis({ sessions: [{ ...sample, type: 'hash' }] })))).toEqual([])
    expect(amiss(checkKeyTypes(aRedis({ sessions: [sample] })))).toEqual(['error key-type'])
  })
})

describe('listpack limits', () => {
  const check = (settings: Readonly<Record<string, string>>) =>
    checkListpacks(aRedis({ settings: someSettings(settings) }))

  test.each([
    [{}, []],
    [{ 'hash-max-listpack-value': '57' }, []],
    [{ 'hash-max-listpack-value': '56' }, ['warning hash-max-listpack-value']],
    [{ 'zset-max-listpack-value': '43' }, ['warning zset-max-listpack-value']],
    [{ 'zset-max-listpack-entries': '0' }, ['warning zset-max-listpack-entries']],
    [{ 'zset-max-listpack-entries': '10000' }, ['warning zset-max-listpack-entries']],
    [{ 'hash-max-listpack-entries': '1' }, ['warning hash-max-listpack-entries']],
    [{ 'stream-node-max-bytes': '100' }, ['warning stream-node-max-bytes']],
    [{ 'stream-node-max-bytes': '10000000' }, ['warning stream-node-max-bytes']],
    [{ 'stream-node-max-bytes': '0', 'stream-node-max-entries': '0' }, ['warning stream-node-max-bytes']],
    [{ 'stream-node-max-bytes': '0' }, []],
  ])('%j: %j', (settings, expected) => {
    const findings = check(settings)
    expect(amiss(findings)).toEqual(expected)
    expect(advised(findings)).toHaveLength(expected.length)
  })

  test('that may not be asked are no finding', () => {
    expect(checkListpacks(aRedis({ settings: undefined }))).toEqual([])
  })

  test('sessions from before they were raised are told', () => {
    const sessions = [{ key: 'session:a:b', type: 'hash', encoding: 'hashtable', size: 2, ttlSeconds: 9 }]
    expect(amiss(checkListpacks(aRedis({ sessions })))).toEqual(['info listpack-old'])
  })
})

describe('sizes', () => {
  test('the largest first, and a user with too many clients', () => {
    const session = { key: 'session:a:b', type: 'hash', encoding: 'hashtable', size: 900, ttlSeconds: 9 }
    const keys = [aKey(), aKey({ key: 'tracker:traffic', type: 'stream', size: 1, bytes: 2_500_000 })]
    const [sizes, crowd] = checkSizes(aRedis({ keys, sessions: [session, { ...session, size: 5 }] }))
    expect(sizes!.what).toBe('tracker:traffic 2.5 MB (1 entry); tracker:stats 80 bytes (2 fields)')
    expect(crowd).toMatchObject({ severity: 'warning', what: expect.stringContaining('up to 900') })
  })
})

describe('the whitelist', () => {
  const check = (overrides: Partial<PasskeyFacts>, config = aConfig()) =>
    checkPasskeys({ passkeys: aList(overrides), config })
  const staged = { key: 'pt:passkeys:new', count: 5 }
  const replaced = { key: 'pt:passkeys:old', count: 4 }

  test.each([
    [{}, []],
    [{ count: 0 }, ['error passkeys']],
    [{ count: 0, staged }, ['error passkeys']],
    [{ capitals: 1 }, ['error passkeys-case']],
    [{ malformed: 1 }, ['error passkeys-malformed']],
    [{ staged }, ['warning passkeys-staged']],
    [{ staged, isImporting: true }, ['info passkeys-import']],
    [{ touched: { key: 'pt:passkeys:touched', count: 1 } }, ['warning passkeys-staged']],
    [{ replaced }, ['info passkeys-old']],
    [{ count: undefined, looked: 0 }, []],
  ] as [Partial<PasskeyFacts>, string[]][])('%j: %j', (overrides, expected) => {
    expect(amiss(check(overrides))).toEqual(expected)
  })

  test('that is missing is put in place from where a swap has left it, the new one first', () => {
    expect(advised(check({ count: 0, staged, replaced }))).toEqual([
      'redis-cli RENAMENX pt:passkeys:new pt:passkeys',
    ])
    expect(advised(check({ count: 0, replaced }))).toEqual(['redis-cli RENAMENX pt:passkeys:old pt:passkeys'])
    expect(advised(check({ count: 0, staged, isImporting: true }))).toEqual(['redswarm passkeys import FILE'])
  })

  test('says of how many it has looked at what it says', () => {
    const [, finding] = check({ count: 1_000_000, looked: 100_000, capitals: 3 })
    expect(finding!.what).toBe('3 passkeys of hex digits with capitals among 100,000 looked at')
  })

  test('is not missed where there is to be none', () => {
    expect(amiss(check({ count: 0 }, open('traffic push')))).toEqual(['info passkeys'])
    const asksSite = { whitelist: false, http_url: 'https://example.org/verify' }
    const config = aConfig({ prehooks: [{ name: 'passkey approval', options: asksSite }] })
    expect(amiss(check({ count: 0 }, config))).toEqual([])
  })
})

test('the list of torrents is missed where the configuration asks for one', () => {
  const options = { set_key: 'pt:torrents' }
  const config = aConfig({ prehooks: [{ name: 'torrent approval', options }] })
  const key = aKey({ key: 'pt:torrents', wanted: 'set', type: 'none' })
  expect(amiss(checkTorrents(aRedis({ config, keys: [key] })))).toEqual(['error torrents'])
  expect(amiss(checkTorrents(aRedis({ config, keys: [{ ...key, type: 'set' }] })))).toEqual([])
  expect(amiss(checkTorrents(aRedis({ keys: [key] })))).toEqual([])
})

describe('the stream', () => {
  const check = (overrides: Partial<StreamFacts>, info = {}) =>
    checkStream(aRedis({ stream: aStream(overrides), info: anInfo(info) }))

  test('tells its length, its rate and how long the memory lasts', () => {
    const rate = { length: 100_000, bytes: 26_000_000, perSecond: 56, oldestSeconds: 1800 }
    expect(check(rate).map(({ what }) => what)).toEqual([
      'tracker:traffic: 100,000 entries, the oldest 30 min old: 56.0 a second, 1.3 GB a day',
      'without trimming, memory is full in 2 d 9 h at the present rate',
    ])
  })

  test('a short reserve is a warning, and an error when nobody reads', () => {
    expect(amiss(check({ perSecond: 300 }))).toEqual(['warning stream-reserve'])
    expect(amiss(check({ perSecond: 300, groups: [] }))).toEqual(['error stream-reserve'])
    expect(amiss(check({ perSecond: 56, groups: [] }))).toEqual(['error stream-reserve'])
    expect(amiss(check({ perSecond: 300 }, { maxmemory: '0' }))).toEqual([])
    expect(amiss(check({ perSecond: 300, oldestSeconds: 59 }))).toEqual([]) // a burst
  })

  test('what max_len has pushed out is told', () => {
    expect(amiss(check({ trimmed: 12 }))).toEqual(['warning stream-trimmed'])
  })

  test('what all groups have finished long ago should go, what one still needs should not', () => {
    const old = { oldestSeconds: 3 * DAY }
    expect(amiss(check(old))).toEqual(['warning stream-untrimmed'])
    expect(amiss(check({ ...old, groups: [aGroup(), aGroup({ oldestUnsettledSeconds: 3 * DAY })] }))).toEqual(
      [],
    )
    expect(amiss(check({ ...old, groups: [] }))).toEqual([])
  })

  test('that nobody writes, by configuration or not yet', () => {
    expect(amiss(checkStream(aRedis({ config: open('passkey approval') })))).toEqual(['info stream'])
    expect(amiss(checkStream(aRedis({ stream: undefined })))).toEqual(['info stream'])
  })

  test('has a rate over its entries up to now, and none when the last one is old', () => {
    expect(rateOf(200, '1000-0', '11000-0', 21)).toBe(10)
    expect(rateOf(200, '1000-0', '11000-0', 1000)).toBe(0)
    expect(rateOf(200, '1000-0', '1000-5', 1.1)).toBe(200)
  })
})

describe('a group', () => {
  const check = (group: Partial<GroupFacts>, stream: Partial<StreamFacts> = {}) =>
    checkGroups({ stream: aStream({ groups: [aGroup(group)], ...stream }) })
  const silent = { name: 'gone', pending: 2, idleSeconds: HOUR }

  test('that has settled everything is fine', () => {
    expect(amiss(check({}))).toEqual([])
  })

  test('that is not there, while there are entries', () => {
    expect(amiss(checkGroups({ stream: aStream({ groups: [] }) }))).toEqual(['warning no-group'])
    expect(amiss(checkGroups({ stream: aStream({ groups: [], length: 0 }) }))).toEqual([])
  })

  test('created at $ skips what was there', () => {
    const atEnd = { entriesRead: undefined, consumers: [] }
    expect(amiss(check(atEnd))).toEqual(['error group-skips'])
    expect(advised(check(atEnd))).toEqual(['redis-cli XGROUP SETID tracker:traffic group-pt 0'])
    expect(amiss(check({ ...atEnd, lastDeliveredId: '0-0' }))).toEqual([])
    expect(amiss(check({ ...atEnd, lastDeliveredId: '999-5' }))).toEqual([])
  })

  test('far behind', () => {
    expect(amiss(check({ oldestUnsettledSeconds: 299 }))).toEqual([])
    expect(amiss(check({ oldestUnsettledSeconds: 301 }))).toEqual(['warning group-behind'])
    expect(amiss(check({ oldestUnsettledSeconds: 7 * HOUR }))).toEqual(['error group-behind'])
  })

  test('whose entries went before it had read them', () => {
    expect(amiss(check({ lastDeliveredId: '500-0', entriesRead: 3 }, { entriesAdded: 10 }))).toEqual([
      'error group-missed',
    ])
    expect(amiss(check({ entriesRead: 10 }, { entriesAdded: 10 }))).toEqual([])
    expect(amiss(check({ pending: 1, oldestPendingId: '7-0', isOldestPendingThere: false }))).toEqual([
      'error pending-gone',
    ])
  })

  test('with a dead consumer that holds entries', () => {
    expect(amiss(check({ pending: 2, consumers: [silent] }))).toEqual(['warning dead-consumer'])
    expect(amiss(check({ pending: 2, consumers: [{ ...silent, idleSeconds: 5 }] }))).toEqual([])
  })

  test('with a name left over from long ago', () => {
    const findings = check({ consumers: [{ ...silent, pending: 0, idleSeconds: 8 * DAY }] })
    expect(amiss(findings)).toEqual(['info old-consumer'])
    expect(advised(findings)).toEqual(['redis-cli XGROUP DELCONSUMER tracker:traffic group-pt gone'])
  })
})

test('dead letters are two kinds', () => {
  const check = (waiting: number | undefined, failed: number | undefined) =>
    amiss(checkDeadLetters({ deadLetters: { waiting, failed } }))
  expect(check(0, 0)).toEqual([])
  expect(check(3, 1)).toEqual(['warning dead-letters', 'warning given-up'])
  expect(check(undefined, 1)).toEqual([])
})

describe('trackers', () => {
  const noKey = aConfig({ udp: { addr: ':6969' } })

  test('several of them need one key for UDP', () => {
    const check = (trackers: string[], config = noKey) => amiss(checkTrackers(aRedis({ trackers, config })))
    expect(check(['192.0.2.1', '192.0.2.2'])).toEqual(['error udp-private-key'])
    expect(check(['192.0.2.1', '192.0.2.1'])).toEqual(['error udp-private-key'])
    expect(check(['192.0.2.1'])).toEqual([])
    expect(check(['192.0.2.1', '192.0.2.2'], aConfig())).toEqual([])
    const workers = aConfig({ udp: { addr: ':6969' }, workers: 4 })
    expect(check(['192.0.2.1', '192.0.2.1', '192.0.2.1'], workers)).toEqual([])
  })

  test('none of them sweeps', () => {
    const sweep = { overdueSeconds: HOUR, hasLease: false }
    expect(amiss(checkTrackers(aRedis({ sweep })))).toEqual(['warning sweep'])
    expect(amiss(checkTrackers(aRedis({ sweep: { ...sweep, overdueSeconds: 100 } })))).toEqual([])
  })

  test('and others have taken nearly all connections', () => {
    const info = anInfo({ connected_clients: '8100' })
    expect(amiss(checkTrackers(aRedis({ info })))).toEqual(['warning clients'])
  })
})
