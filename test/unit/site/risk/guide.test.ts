import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FLAG_STATES } from '../../../../src/site/risk/flags.ts'
import { RULE_NAMES } from '../../../../src/site/risk/rules/list.ts'
import { DEFAULT_RISK_SETTINGS } from '../../../../src/site/risk/settings.ts'
import { RISK_ACTIONS } from '../../../../src/site/risk/verdict.ts'

const guide = readFileSync(new URL('../../../../docs/risk.md', import.meta.url), 'utf8')

test('the configuration has the rules that there are, and the guide explains them, each with its honest users', () => {
  expect(Object.keys(DEFAULT_RISK_SETTINGS.rules)).toEqual([...RULE_NAMES])
  expect([...guide.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)).toEqual([...RULE_NAMES])
  const [, ...sections] = guide.split(/^### /m)
  for (const section of sections)
    for (const row of ['known systems', 'default', 'honest']) expect(section).toContain(`| ${row} |`)
})

test('the guide explains every action and every state', () => {
  for (const word of [...RISK_ACTIONS, ...FLAG_STATES])
    expect(guide).toMatch(new RegExp(`^\\|.*\`${word}\`.*\\|`, 'm'))
})
