// node scripts/testSummary.mjs REPORT [JOBS]
// Prints "N passed, M failed[, K skipped]" from vitest's JSON report, and fails when anything in it did. A file that could
// not be loaded has no tests to count and counts as one failure. Before it comes a line for each test that was tried more
// than once (REPORT.retries). JOBS has a line for each job beside the tests, "<passed|failed|skipped> <name>", counted too.
import { existsSync, readFileSync } from 'node:fs'

const say = (line) => process.stdout.write(`${line}\n`)

function countTests(report) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
    isGood: report.success && report.numPassedTests > 0,
  }
}

function readReport(path) {
  try {
    return countTests(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    say(`no test report (${error.message})`)
    return { passed: 0, failed: 1, skipped: 0, isGood: false }
  }
}

function sayRetries(path) {
  if (!existsSync(path)) return
  const retried = JSON.parse(readFileSync(path, 'utf8'))
  if (retried.length === 0) return
  say(`${retried.length} ${retried.length === 1 ? 'test' : 'tests'} did not pass at once:`)
  for (const { name, retries, passed } of retried)
    say(`  ${passed ? 'FLAKY ' : 'FAILED'} ${name} (retried ${retries === 1 ? 'once' : `${retries} times`})`)
}

function readJobs(path) {
  const jobs = { passed: [], failed: [], skipped: [] }
  for (const line of path ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []) {
    const [, outcome, name] = /^(passed|failed|skipped) (.+)$/.exec(line) ?? []
    if (outcome) jobs[outcome].push(name)
    else jobs.failed.push(`unreadable: ${line}`)
  }
  for (const outcome of ['skipped', 'failed'])
    if (jobs[outcome].length > 0) say(`${outcome.toUpperCase()} jobs: ${jobs[outcome].join(', ')}`)
  return jobs
}

const [reportPath, jobsPath] = process.argv.slice(2)
const tests = readReport(reportPath)
sayRetries(`${reportPath}.retries`)
const jobs = readJobs(jobsPath)
const sum = (outcome) => tests[outcome] + jobs[outcome].length
const skippedPart = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : ''
say(`${sum('passed')} passed, ${sum('failed')} failed${skippedPart}`)
process.exitCode = tests.isGood && sum('failed') === 0 ? 0 : 1
