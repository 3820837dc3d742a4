// Prints "N passed, M failed[, K skipped]" from vitest's JSON report, and fails when anything in it did. A file that could
// not be loaded has no tests to count and counts as one failure.
import { readFileSync } from 'node:fs'

function summaryOf(report) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  const failed = report.numFailedTests + brokenFiles.length
  const skipped = report.numPendingTests + report.numTodoTests
  const skippedPart = skipped > 0 ? `, ${skipped} skipped` : ''
  return {
    line: `${report.numPassedTests} passed, ${failed} failed${skippedPart}`,
    isGood: report.success && failed === 0 && report.numPassedTests > 0,
  }
}

try {
  const { line, isGood } = summaryOf(JSON.parse(readFileSync(process.argv[2], 'utf8')))
  process.stdout.write(`${line}\n`)
  process.exitCode = isGood ? 0 : 1
} catch (error) {
  process.stdout.write(`no test report (${error.message})\n0 passed, 1 failed\n`)
  process.exitCode = 1
}
