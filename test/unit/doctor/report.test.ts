import { describe, expect, test } from 'vitest'
import { showBytes, showTime } from '../../../src/doctor/amounts.ts'
import { error, info, ok, redisCli, redswarm, warning } from '../../../src/doctor/finding.ts'
import { jsonReport, renderReport, showCommand } from '../../../src/doctor/report.ts'

const findings = [
  ok('node-version', 'Node 24.0.0'),
  warning('maxmemory', 'maxmemory is not set', {
    meaning: 'It grows.',
    commands: [redisCli('CONFIG', 'SET', 'maxmemory', '1gb')],
  }),
  info('sizes', 'some sizes'),
  error('passkeys', 'pt:passkeys is missing', {
    meaning: `Nobody ${'may announce '.repeat(12)}.`,
    remedy: 'Import.',
  }),
]
const untold = { configPath: undefined }

describe('a report', () => {
  test('has what is wrong first, each with its meaning and what to run, and a sum', () => {
    const text = renderReport(findings, untold)
    expect(text.match(/^(ERROR|WARNING|INFO|ok)/gm)).toEqual(['ERROR', 'WARNING', 'INFO', 'ok'])
    expect(text).toContain('\n             redis-cli -u $REDIS_URL CONFIG SET maxmemory 1gb\n')
    expect(text).toMatch(/1 error, 1 warning, 1 note, 1 fine\n$/)
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(110)
  })

  test('is the same for programs', () => {
    expect(jsonReport(findings, untold)).toMatchObject({
      ok: false,
      counts: { ok: 1, info: 1, warning: 1, error: 1 },
      findings: [
        { id: 'node-version', severity: 'ok' },
        { id: 'maxmemory', commands: ['redis-cli -u $REDIS_URL CONFIG SET maxmemory 1gb'] },
        { id: 'sizes', severity: 'info', commands: [] },
        { id: 'passkeys', severity: 'error', remedy: 'Import.' },
      ],
    })
    expect(jsonReport(findings.slice(0, 3), untold)).toMatchObject({ ok: true })
  })

  test('commands are safe in a shell, and know the configuration that was given', () => {
    const rule = redisCli('ACL', 'SETUSER', "o'neil", '(+ttl ~a*)', '+config|get')
    expect(showCommand(rule, untold)).toBe(
      "redis-cli -u $REDIS_URL ACL SETUSER 'o'\\''neil' '(+ttl ~a*)' '+config|get'",
    )
    expect(showCommand(redswarm('passkeys', 'count'), { configPath: '/etc/my file.yaml' })).toBe(
      "redswarm passkeys count --config '/etc/my file.yaml'",
    )
  })
})

test('amounts are read at a glance', () => {
  expect([0, 999, 1500, 26_000_000, 123_400_000_000, 5e15].map(showBytes)).toEqual([
    '0 bytes',
    '999 bytes',
    '1.5 KB',
    '26.0 MB',
    '123 GB',
    '5000 TB',
  ])
  expect([0, 59, 60, 3_600, 7_500, 86_400, 180_000].map(showTime)).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '1 h',
    '2 h 5 min',
    '1 d',
    '2 d 2 h',
  ])
})
