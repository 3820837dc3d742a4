// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what is tested
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { substituteEnvironment } from '../../../src/config/environment.ts'

const substitute = (text: string, env: Record<string, string>) => substituteEnvironment({ key: text }, env)

test.each([
  ['${A}', { A: 'x' }, 'x'],
  ['a ${A} b ${B}', { A: '1', B: '2' }, 'a 1 b 2'],
  ['${A:-fallback}', {}, 'fallback'],
  ['${A:-fallback}', { A: '' }, 'fallback'],
  ['${A:-fallback}', { A: 'x' }, 'x'],
  ['${A:-redis://h:1/0}', {}, 'redis://h:1/0'],
  ['${A:-}', {}, ''],
  ['${A}', { A: '' }, ''],
  ['$${A}', { A: 'x' }, '${A}'],
  ['$A and $', { A: 'x' }, '$A and $'],
  ['${A}', { A: '${B}', B: 'x' }, '${B}'],
  ['${A}', { A: 'x\nother: 1' }, 'x\nother: 1'],
])('%s with %o becomes %j', (template, env, expected) => {
  assert.deepEqual(substitute(template, env), { value: { key: expected }, problems: [] })
})

test.each([
  ['${A}', /variable A is not set/],
  ['${A', /without "}"/],
  ['${1A}', /NAME or NAME:-default/],
  ['${}', /NAME or NAME:-default/],
])('%s without that variable is a problem at its key, and the key is left out', (template, text) => {
  const { value, problems } = substitute(template, {})
  assert.deepEqual(value, {})
  assert.deepEqual(problems[0]?.path, ['key'])
  assert.match(problems[0]?.text ?? '', text)
})

test('keys with nothing after them count as absent, also deep down', () => {
  assert.deepEqual(substituteEnvironment({ a: null, b: [{ c: null, d: 1 }] }, {}).value, { b: [{ d: 1 }] })
})
