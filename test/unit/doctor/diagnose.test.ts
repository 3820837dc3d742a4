import { describe, expect, test } from 'vitest'
import { diagnose } from '../../../src/doctor/diagnose.ts'
import type { Facts } from '../../../src/doctor/facts.ts'
import { aConfig, amiss, anInfo, aRedis } from '../../support/builders/aFleet.ts'

const facts = (overrides: Partial<Facts> = {}): Facts => ({
  configFile: { config: aConfig(), problems: [], warnings: [] },
  machine: { nodeVersion: '24.21.0', openFiles: 65_536, maxReceiveBufferBytes: 212_992 },
  connection: { url: 'redis://127.0.0.1:6379/0', failure: undefined },
  redis: aRedis({
    info: anInfo({ connected_slaves: '1', slave0: 'ip=192.0.2.9,port=6379,state=online,lag=0' }),
  }),
  ...overrides,
})

describe('a fleet', () => {
  test('with which nothing is wrong has nothing but numbers to look at', () => {
    expect(amiss(diagnose(facts()))).toEqual(['info sizes'])
  })

  test('everything that is not fine comes with what it means and what to do', () => {
    const broken = facts({
      configFile: { config: aConfig(), problems: [], warnings: ['something'] },
      machine: { nodeVersion: '22.1.0', openFiles: 1024, maxReceiveBufferBytes: 1 },
      redis: aRedis({
        info: anInfo({
          maxmemory_policy: 'allkeys-lru',
          aof_enabled: '0',
          role: 'slave',
          redis_version: '6.2.0',
        }),
        scrapeFailure: 'OOM',
        trackers: [],
      }),
    })
    const wrong = diagnose(broken).filter(({ severity }) => severity === 'error' || severity === 'warning')
    expect(wrong.length).toBeGreaterThan(6)
    for (const { id, meaning, remedy, commands = [] } of wrong) {
      expect(meaning, id).toMatch(/\.$|\)$/)
      expect(`${remedy ?? ''}${commands.join('')}`, id).not.toBe('')
    }
  })

  test('without a Redis is told why, and the rest all the same', () => {
    const url = 'redis://***@192.0.2.1:6379/0'
    const failure = 'redis cannot be reached: connect ECONNREFUSED 192.0.2.1:6379'
    const findings = diagnose(facts({ redis: undefined, connection: { url, failure } }))
    expect(amiss(findings)).toEqual(['error connection'])
    expect(findings.map(({ id }) => id)).toContain('node-version')
  })

  test('with a broken configuration: every mistake is a finding', () => {
    const configFile = { config: undefined, problems: ['one', 'two'], warnings: [] }
    const findings = diagnose(facts({ configFile, connection: undefined, redis: undefined }))
    expect(amiss(findings)).toEqual(['error config', 'error config'])
  })

  test('that tells nothing has no findings but that', () => {
    const silent = aRedis({
      info: undefined,
      settings: undefined,
      clock: undefined,
      scripts: [],
      keys: [],
      sweep: undefined,
      stream: undefined,
      passkeys: { ...aRedis().passkeys, count: undefined, looked: 0 },
      deadLetters: { waiting: undefined, failed: undefined },
      trackers: undefined,
      rights: { user: undefined, missing: [] },
      refused: [{ command: 'INFO', hasKeys: false, why: 'permission', text: 'NOPERM' }],
    })
    expect(amiss(diagnose(facts({ redis: silent })))).toEqual(['info rights', 'info stream', 'warning asked'])
  })
})
