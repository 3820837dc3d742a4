import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decryptCredential } from '../../src/contract/credentials.ts'
import { signVerifyRequest } from '../../src/contract/verifySignature.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { blocksOf, matching, settingsOf } from '../support/programs/guide.ts'
import { isMissing } from '../support/programs/programs.ts'
import { redswarm } from '../support/programs/tracker.ts'
import { endProcesses, startProcess, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { type RedisUser, urlAs } from '../support/servers/redisUsers.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = (name: string) => readFileSync(join(root, 'docs', name), 'utf8')
const english = guide('pt-integration.md')
const chinese = guide('pt-integration.zh-CN.md')

const SITE_IS_UP = [/"listening":/]
const TRACKER_IS_UP = [/"msg":"serving"/, /"msg":"redis is ready"/]
const needed = ['bash', 'curl', 'openssl', 'redis-cli']
let env: Record<string, string>
beforeAll(async () => {
  await redswarm(['--version']) // compiles what the guide's commands run
  const [trackerPort, sitePort] = await freePorts(2)
  env = {
    REDIS_URL: (await startRedis()).url,
    TRACKER_ADDR: `127.0.0.1:${trackerPort}`,
    TRACKER_URL: `http://127.0.0.1:${trackerPort}`,
    PORT: String(sitePort),
    SITE_URL: `http://127.0.0.1:${sitePort}`,
    VERIFY_API_KEY: 'change-me',
    VERIFY_SECRET: 'change-me-too',
    DATABASE: join(temporaryFolder(), 'pt-guide.sqlite'),
    PATH: `${join(process.execPath, '..')}:${process.env.PATH}`,
  }
})
afterAll(endProcesses)

/** Whose part of the guide this is: each block runs as the user of Redis that is meant for it. */
function userOf(code: string): RedisUser {
  if (code.includes('serve')) return 'tracker'
  return code.includes('traffic') ? 'consumer' : 'site'
}

const envOf = (code: string) => ({ ...env, REDIS_URL: urlAs(userOf(code), env.REDIS_URL!) })

function run(code: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...envOf(code) }, timeout: 30_000 }
    execFile('bash', ['-euo', 'pipefail', '-c', code], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${code}\n${stderr}`, { cause: error }))
      else resolve(stdout)
    })
  })
}

test.skipIf(isMissing(...needed))(
  'each example of the guide runs as written, and prints what the guide says',
  async () => {
    const blocks = blocksOf(english)
    let ran = 0
    for (const [i, { kind, code }] of blocks.entries()) {
      if (kind === 'sh server') {
        const server = await startProcess({
          name: code,
          program: 'bash',
          args: ['-c', `exec ${code}`],
          cwd: root,
          env: envOf(code),
        })
        for (const sign of code.includes('redswarm.mjs') ? TRACKER_IS_UP : SITE_IS_UP)
          await server.says(sign, 15_000)
      } else if (kind === 'sh') {
        const printed = await run(code)
        const next = blocks[i + 1]
        if (next?.kind === 'text') expect(printed, code).toMatch(matching(next.code))
        ran++
      }
    }
    expect(ran).toBeGreaterThanOrEqual(7)
  },
)

test('the settings that the guide begins with are all that its examples need', () => {
  const optional = ['TRACKER_ADDR', 'PORT'] // have defaults that fit the settings
  expect([...settingsOf(blocksOf(english)), ...optional].sort()).toEqual(Object.keys(env).sort())
})

test('the Chinese guide has the same examples, in the same order', () => {
  expect(blocksOf(chinese)).toEqual(blocksOf(english))
})

test.each([
  ['English', english],
  ['Chinese', chinese],
])('the %s guide gives numbers to check other programs by', (_, text) => {
  expect(text).toContain(`\`${signVerifyRequest('staple', 'abc', '1800000000')}\``)
  const credential = /^ {4}(AAEC\S+)$/m.exec(text)?.[1] ?? ''
  const opened = decryptCredential(credential, Buffer.from('01234567890123456789012345678901'))
  expect(opened).toEqual({
    passkey: 'mysecretpasskey',
    issuedSeconds: 1_701_417_600,
    fd: 'free',
    pd: undefined,
  })
  expect(text).toContain('{"pk":"mysecretpasskey","ts":1701417600,"fd":"free"}')
})
