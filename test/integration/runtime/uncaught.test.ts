import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url))
const SECRET = 'aabbccddeeff00112233445566778899'

test('a fault that nobody catches ends the process with one line that says why and no more', () => {
  const program = `
    import { endOnUncaught } from '${SRC}runtime/uncaught.ts'
    import { createLogger } from '${SRC}runtime/logger.ts'
    endOnUncaught(createLogger('info'))
    Promise.reject(Object.assign(new Error('no luck'), { command: { args: ['${SECRET}'] } }))
    setInterval(() => {}, 1000)`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).not.toContain(SECRET)
  expect(JSON.parse(stderr)).toMatchObject({
    level: 'error',
    origin: 'unhandledRejection',
    err: { type: 'Error', message: 'no luck' },
  })
})
