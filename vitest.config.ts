import { defineConfig } from 'vitest/config'
import { RetryReporter } from './test/support/retryReporter.ts'

// Groups run one after the other, and files of the last one by one: they start programs and wait for them.
const globalSetup = ['test/support/globalSetup.ts']
const reportFile = process.env.TEST_REPORT
/** A machine that is short of breath may fail one of hundreds of real programs. The summary names each test that needed it. */
const retry = process.env.CI ? 2 : 0

export default defineConfig({
  test: {
    pool: 'forks',
    reporters: reportFile
      ? ['default', ['json', { outputFile: reportFile }], new RetryReporter(`${reportFile}.retries`)]
      : ['default'],
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], retry, sequence: { groupOrder: 0 } },
      },
      {
        test: {
          name: 'integration',
          provide: { hasRedisUsers: false },
          include: ['test/integration/**/*.test.ts'],
          globalSetup,
          testTimeout: 60_000,
          hookTimeout: 30_000,
          retry,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          provide: { hasRedisUsers: true },
          include: ['test/e2e/**/*.test.ts'],
          globalSetup,
          setupFiles: ['test/support/checkSecrets.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 60_000,
          retry,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
