import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { endProcesses, temporaryFolder } from '../support/programs/trackerProcesses.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const RETRY_REPORTER = join(root, 'test/support/retryReporter.ts')

const FLAKY = `
let attempt = 0
test('passes the second time', { retry: 2 }, () => expect(++attempt).toBe(2))
test('never passes', { retry: 2 }, () => expect(1).toBe(2))
test('passes at once', { retry: 2 }, () => undefined)
test.skip('is left out', () => undefined)
`

afterEach(endProcesses)

/** A run of vitest on these files, in the way that .ci/run does it. @returns the report */
async function runVitest(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = temporaryFolder()
  const report = join(folder, 'report.json')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  mkdirSync(join(folder, 'node_modules')) // where vitest keeps its cache
  const config = `
import { RetryReporter } from ${JSON.stringify(RETRY_REPORTER)}
export default { test: { watch: false, reporters: [['json', { outputFile: 'report.json' }], new RetryReporter('report.json.retries')] } }`
  writeFileSync(join(folder, 'vitest.config.mjs'), config)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  await execute(
    [vitest, 'run', '--globals', '--root', folder, '--config', join(folder, 'vitest.config.mjs')],
    folder,
  )
  expect(existsSync(report)).toBe(true)
  return report
}

/** What .ci/run ends with. */
const summary = (report: string, jobs?: string) =>
  execute([join(root, 'scripts/testSummary.mjs'), report, ...(jobs ? [jobs] : [])], root)

function execute(args: string[], cwd: string): Promise<{ code: number; lines: string[] }> {
  return new Promise((resolve) => {
    const { CI: _, TEST_REPORT: __, ...env } = process.env
    execFile(process.execPath, args, { cwd, env }, (error, stdout) =>
      resolve({ code: error ? Number(error.code) : 0, lines: stdout.trimEnd().split('\n') }),
    )
  })
}

test('the summary names every test that needed a retry, and counts it once', async () => {
  const report = await runVitest({ 'flaky.test.mjs': FLAKY })
  expect(await summary(report)).toEqual({
    code: 1,
    lines: [
      '2 tests did not pass at once:',
      '  FLAKY  flaky.test.mjs > passes the second time (retried once)',
      '  FAILED flaky.test.mjs > never passes (retried 2 times)',
      '2 passed, 1 failed, 1 skipped',
    ],
  })
})

test('jobs count like tests, and one that failed or was skipped is named', async () => {
  const report = await runVitest({ 'good.test.mjs': "test('is good', () => undefined)" })
  expect(await summary(report)).toEqual({ code: 0, lines: ['1 passed, 0 failed'] })

  const jobs = join(temporaryFolder(), 'jobs')
  writeFileSync(jobs, 'passed lint\nskipped containers: no runtime\n')
  expect(await summary(report, jobs)).toEqual({
    code: 0,
    lines: ['SKIPPED jobs: containers: no runtime', '2 passed, 0 failed, 1 skipped'],
  })
  writeFileSync(jobs, 'passed lint\nfailed types\n')
  expect(await summary(report, jobs)).toEqual({
    code: 1,
    lines: ['FAILED jobs: types', '2 passed, 1 failed'],
  })
})

test('a file that cannot be loaded, and a run without a report, are failures', async () => {
  const report = await runVitest({ 'broken.test.mjs': 'import "./missing.mjs"' })
  expect(await summary(report)).toEqual({ code: 1, lines: ['0 passed, 1 failed'] })
  const { code, lines } = await summary(join(temporaryFolder(), 'none.json'))
  expect({ code, last: lines.at(-1) }).toEqual({ code: 1, last: '0 passed, 1 failed' })
})
