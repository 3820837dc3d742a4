import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkRefused } from '../../../src/doctor/checks/refused.ts'
import { allow, checkRights } from '../../../src/doctor/checks/rights.ts'
import { trackerCommands } from '../../../src/doctor/collect/rights.ts'
import { luaFiles } from '../../../src/redis/script.ts'
import { advised, amiss, aRedis } from '../../support/builders/aFleet.ts'
import { keysUnder } from '../../support/builders/builders.ts'

const zadd = { command: 'zadd', keys: ['swarm:*'], isRead: false }

describe('rights of the tracker', () => {
  test('each that is missing is named, and allowed on its own keys alone', () => {
    const missing = [
      zadd,
      { ...zadd, command: 'zrem' },
      { command: 'time', keys: [], isRead: false },
      { command: 'sismember', keys: ['pt:passkeys'], isRead: true },
    ]
    const [finding] = checkRights({ rights: { user: 'tracker', missing } })
    expect(finding).toMatchObject({ severity: 'error', what: expect.stringContaining('zadd on swarm:*') })
    expect(allow('tracker', missing)).toEqual([
      ...['redis-cli', 'ACL', 'SETUSER', 'tracker', '+time'],
      ...['(+zadd +zrem ~swarm:*)', '(+sismember %R~pt:passkeys)'],
    ])
  })

  test('that could not be asked are a note', () => {
    expect(amiss(checkRights({ rights: { user: undefined, missing: [] } }))).toEqual(['info rights'])
  })

  test('the list has every command inside the scripts of the tracker', () => {
    const folder = new URL('../../../lua/', import.meta.url)
    const sources = ['announce', 'scrape', 'sweep', 'lease'].map((file) =>
      readFileSync(new URL(`tracker/${file}.lua`, folder), 'utf8'),
    )
    const included = sources.flatMap((text) =>
      [...text.matchAll(/^--@include (\S+)$/gm)].map(([, file]) => file!),
    )
    const all = [...sources, ...included.map((file) => readFileSync(new URL(file, folder), 'utf8'))].join(
      '\n',
    )
    const used = new Set([...all.matchAll(/redis\.call\("([A-Z]+)"/g)].map(([, name]) => name))
    const listed = new Set(trackerCommands(keysUnder(''), '').map(({ words }) => words[0]))
    expect(used.size).toBeGreaterThan(15)
    expect([...used].filter((name) => !listed.has(name!))).toEqual([])
    expect(luaFiles()).toContain('tracker/announce.lua')
  })
})

describe('what Redis would not answer', () => {
  const refused = (
    command: string,
    hasKeys: boolean,
    why: 'permission' | 'unknown' | 'other',
    text = '',
  ) => ({
    command,
    hasKeys,
    why,
    text,
  })

  test('for want of a right: which user, and the rule that allows it, for reading only', () => {
    const findings = checkRefused(
      aRedis({
        refused: [
          refused('CONFIG GET', false, 'permission'),
          refused('TTL', true, 'permission'),
          refused('XINFO GROUPS', true, 'permission'),
        ],
      }),
    )
    expect(amiss(findings)).toEqual(['warning asked'])
    expect(findings[0]!.what).toBe(
      'could not be asked: CONFIG GET, TTL, XINFO GROUPS (NOPERM for the user tracker)',
    )
    expect(advised(findings)).toEqual(['redis-cli ACL SETUSER tracker +config|get (+@read -@dangerous %R~*)'])
  })

  test('because the service keeps it to itself is a note', () => {
    expect(amiss(checkRefused(aRedis({ refused: [refused('CONFIG GET', false, 'unknown')] })))).toEqual([
      'info asked',
    ])
  })

  test('for another reason comes with that reason', () => {
    const [finding] = checkRefused(aRedis({ refused: [refused('TTL', true, 'other', 'ERR no')] }))
    expect(finding!.what).toBe('could not be asked: TTL (ERR no)')
  })
})
