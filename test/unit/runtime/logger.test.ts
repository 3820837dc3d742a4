import { expect, test } from 'vitest'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'
import { createLogger, type LogLevel } from '../../../src/runtime/logger.ts'

const SECRET = 'aabbccddeeff00112233445566778899'

/** A logger and the lines that it has written, parsed. */
function aLogger(level: LogLevel) {
  const lines: Record<string, unknown>[] = []
  const log = createLogger(level, { write: (line) => void lines.push(JSON.parse(line)) })
  return { log, lines, messages: () => lines.map(({ msg }) => msg) }
}

test('a line is one JSON object with level, time, pid and what was said', () => {
  const { log, lines } = aLogger('info')
  log.warn({ swarms: 3 }, 'swept')
  expect(lines).toEqual([
    { level: 'warn', time: expect.any(Number), pid: process.pid, swarms: 3, msg: 'swept' },
  ])
})

test('an error is said with its cause, and without what else hangs on it', () => {
  const { log, lines } = aLogger('info')
  const reply = Object.assign(new Error('OOM command not allowed'), {
    command: { name: 'sadd', args: ['pt:passkeys', SECRET] },
    input: SECRET,
  })
  log.error({ err: new StoreUnavailable('announce.lua', { cause: reply }) }, 'internal error')
  expect(lines[0]!.err).toEqual({
    type: 'StoreUnavailable',
    message: 'announce.lua',
    cause: 'OOM command not allowed',
    stack: expect.stringContaining('logger.test.ts'),
  })
  log.error({ err: reply }, 'internal error')
  expect(JSON.stringify(lines)).not.toContain(SECRET)
})

test('fields that must not be said are not, also one below', () => {
  const { log, lines } = aLogger('info')
  const fields = {
    passkey: SECRET,
    password: SECRET,
    privateKey: SECRET,
    apiKey: SECRET,
    secret: SECRET,
    url: SECRET,
  }
  log.error({ ...fields, of: fields }, 'never done')
  expect(JSON.stringify(lines)).not.toContain(SECRET)
})

test('debugging says all there is, and then it is as configured again', () => {
  const { log, messages } = aLogger('error')
  log.info({}, 'unheard')
  log.setDebugging(true)
  log.debug({}, 'a detail')
  log.setLevel('warn') // a reload meanwhile
  log.debug({}, 'another detail')
  log.setDebugging(false)
  log.info({}, 'unheard again')
  log.warn({}, 'heard')
  expect(messages()).toEqual(['a detail', 'another detail', 'heard'])
})

test('silent is silent, and can be debugged all the same', () => {
  const { log, messages } = aLogger('silent')
  log.error({}, 'unheard')
  log.setDebugging(true)
  log.debug({}, 'heard')
  expect(messages()).toEqual(['heard'])
})
