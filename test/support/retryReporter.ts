import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestCase } from 'vitest/node'

/** One test that did not pass at once. `scripts/testSummary.mjs` prints them, so that a flaky test stays visible. */
export interface RetriedTest {
  readonly name: string
  readonly retries: number
  readonly passed: boolean
}

/** Writes the tests that were run more than once, as JSON; an empty list too. */
export class RetryReporter implements Reporter {
  readonly #file: string
  readonly #retried: RetriedTest[] = []

  constructor(file: string) {
    this.#file = file
  }

  onTestCaseResult(test: TestCase): void {
    const retries = test.diagnostic()?.retryCount ?? 0
    if (retries === 0) return
    const name = `${relative(process.cwd(), test.module.moduleId)} > ${test.fullName}`
    this.#retried.push({ name, retries, passed: test.result().state === 'passed' })
  }

  onTestRunEnd(): void {
    writeFileSync(this.#file, JSON.stringify(this.#retried, null, 2))
  }
}
